import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Happening, Members, memberIdentifier } from '../../src/models/index.ts'
import { type Draft, type EventType, foldEvents, nameLengthMax, type TapeEvent, type Values } from '../../src/protocol/index.ts'
import { settle, TestDevice } from '../support/test-device.ts'
import { anyDelivery, deliver } from './delivery.ts'

function event(seq: number, type: EventType, identifier: string, values: Values = { name: identifier }): TapeEvent {
  return { seq, seen: seq - 1, type, collection: 'guests', identifier, ...(type === 'delete' ? {} : { values }) }
}

function guestList(client: string, tape: TapeEvent[]) {
  const members = new Members('guests')
  const device = new TestDevice({ client, tape, model: members })
  let told = 0
  members.subscribe(() => told++)
  return { members, device, told: () => told }
}

const names = ({ members }: { members: Members }) => members.list.map(({ name }) => name)
const attendance = ({ members }: { members: Members }) => new Map(members.list.map(({ identifier, name }) => [identifier, name]))
const story = (happenings: readonly Happening[]) => happenings.map(({ type, name }) => `${name} ${type}`)

describe('members', () => {
  test('[M9] are those who joined and have not left, in the order in which they joined', () => {
    const host = guestList('host', [])
    for (const name of ['Alex', 'Blake', 'Caroline']) host.members.join(name)
    expect(host.members.leave('Blake')).toBe(true)
    expect(host.members.leave('Nobody')).toBe(false)
    expect(host.members.list).toEqual([
      { identifier: 'Alex', name: 'Alex', isPending: true },
      { identifier: 'Caroline', name: 'Caroline', isPending: true },
    ])
    settle(host.device)
    expect(host.members.list.map(({ isPending }) => isPending)).toEqual([false, false])
    expect(host.members.get('Alex')).toBe(host.members.list[0])
  })

  test('[M9] who join twice at the same time, on two devices, are one, however the name is written', () => {
    const tape: TapeEvent[] = []
    const [laptop, phone] = [guestList('laptop', tape), guestList('phone', tape)]
    laptop.members.join('Ren\u00e9e  K.')
    phone.members.join(' Rene\u0301e\tK. ')
    settle(laptop.device, phone.device)
    expect(names(laptop)).toEqual(['Renée K.'])
    expect(names(phone)).toEqual(['Renée K.'])
    phone.members.leave(memberIdentifier('Renée K.'))
    settle(laptop.device, phone.device)
    expect(names(laptop)).toEqual([])
  })

  test('[M9] under an identifier of the application’s own may change their names', () => {
    const tape: TapeEvent[] = []
    const host = guestList('host', tape)
    expect(host.members.join('Blake', 'u-17')).toBe('u-17')
    host.members.join('Blake', 'u-17')
    settle(host.device)
    expect(tape).toHaveLength(1)
    host.members.join('Blake B.', 'u-17')
    settle(host.device)
    host.members.leave('u-17')
    settle(host.device)
    expect(host.members.narrate(tape)).toEqual([
      { seq: 0, type: 'joined', identifier: 'u-17', name: 'Blake' },
      { seq: 1, type: 'renamed', identifier: 'u-17', name: 'Blake B.', was: 'Blake' },
      { seq: 2, type: 'left', identifier: 'u-17', name: 'Blake B.' },
    ])
    expect(host.members.narrate(tape.slice(2))).toEqual([{ seq: 2, type: 'left', identifier: 'u-17', name: 'Blake B.' }])
  })

  test.each([
    ['', 'x'],
    [' \u2003\n', 'x'],
    ['a'.repeat(nameLengthMax + 1), undefined],
    ['Blake', ''],
    ['Blake', 'u'.repeat(nameLengthMax + 1)],
  ])('[M9] are not %j as %j', (name, identifier) => {
    const host = guestList('host', [])
    expect(() => host.members.join(name, identifier)).toThrow(RangeError)
    expect([names(host), host.device.isIdle]).toEqual([[], true])
  })

  test('[M9] whose name on the tape is none are called by their identifier', () => {
    const host = guestList('host', [])
    const odd: readonly Values[] = [{ name: 17 }, { name: ' ' }, {}, { name: null }]
    host.members.apply(
      odd.map((values, seq) => event(seq, 'insert', `id-${seq}`, values)),
      [],
    )
    expect(names(host)).toEqual(['id-0', 'id-1', 'id-2', 'id-3'])
  })

  test('[M9] stay the same values while nothing changes, and listeners are told once a run', () => {
    const host = guestList('host', [])
    host.members.apply([event(0, 'insert', 'Alex'), event(1, 'insert', 'Blake')], [])
    const { list } = host.members
    host.members.apply([event(0, 'insert', 'Alex'), { ...event(2, 'delete', 'Alex'), collection: 'others' }], [])
    expect([host.members.list, host.told()]).toEqual([list, 1])
    expect(host.members.list).toBe(list)
    host.members.apply([event(3, 'delete', 'Blake')], [])
    expect(host.members.list[0]).toBe(list[0])
    host.members.reset()
    host.members.reset()
    expect([names(host), host.told()]).toEqual([[], 3])
    expect(() => new Members('guests').join('Blake')).toThrow(/Attach/)
  })
})

/** Who comes and goes, as events, with joins of those who are there and departures of those who are not. */
const anyEvents = fc
  .array(fc.record({ type: fc.constantFrom<EventType>('insert', 'delete'), name: fc.constantFrom('A', 'B', 'C', 'constructor') }), {
    maxLength: 16,
  })
  .map((steps) => steps.map(({ type, name }, seq) => event(seq, type, name)))

function presentAfter(events: readonly TapeEvent[]): ReadonlyMap<string, string> {
  const present = new Map<string, string>()
  for (const { type, identifier } of events) {
    present.delete(identifier)
    if (type === 'insert') present.set(identifier, identifier)
  }
  return present
}

describe('what happened since', () => {
  test('[M9] is told from the tape: who joined, left and came back, in order', () => {
    const { members } = guestList('host', [])
    const tape = [
      ...['Alex', 'Blake', 'Caroline'].map((name, seq) => event(seq, 'insert', name)),
      event(3, 'delete', 'Blake'),
      event(4, 'insert', 'Emily'),
      event(5, 'delete', 'Emily'),
      { ...event(6, 'insert', 'Bread'), collection: 'dishes' },
      event(7, 'insert', 'Emily'),
      event(8, 'update', 'Emily', { name: 'Emily the Great' }),
      event(9, 'update', 'Blake', { name: 'a ghost' }),
    ]
    members.apply(tape, [])
    expect(story(members.narrate(tape.slice(3)))).toEqual([
      'Blake left',
      'Emily joined',
      'Emily left',
      'Emily returned',
      'Emily the Great renamed',
    ])
    expect(members.narrate([])).toEqual([])
  })

  test('[M9] without word of who was here before takes everybody at the events’ word', () => {
    const { members } = guestList('host', [])
    const again = [event(5, 'insert', 'Alex'), event(6, 'delete', 'Blake')]
    expect(story(members.narrate(again))).toEqual(['Alex joined', 'Blake left'])
    expect(story(members.narrate(again, new Map([['Alex', 'Alex']])))).toEqual([])
  })

  test('[M9] told with who was here before leads from them to who is here now', () => {
    const property = fc.property(anyEvents, fc.nat(16), (events, split) => {
      const before = presentAfter(events.slice(0, split))
      const { members } = guestList('host', [])
      members.apply(foldEvents(events), [])
      const present = new Set(before.keys())
      for (const { type, identifier } of members.narrate(events.slice(split), before)) {
        // Whoever joins was not here, whoever leaves was.
        expect(present.has(identifier)).toBe(type === 'left')
        if (type === 'left') present.delete(identifier)
        else present.add(identifier)
      }
      expect(present).toEqual(new Set(members.list.map(({ identifier }) => identifier)))
    })
    fc.assert(property, { seed: 1, numRuns: 1000 })
  })

  test('[M9] is answered shortest from the model alone, in any order and pieces, repeated, folded or not', () => {
    const property = fc.property(anyEvents, fc.nat(16), anyDelivery, (events, split, next) => {
      const before = presentAfter(events.slice(0, split))
      const after = presentAfter(events)
      const pending: Draft[] = [{ type: 'insert', collection: 'guests', identifier: 'Me', seen: -1, values: { name: 'Me' } }]
      const host = guestList('host', [])
      deliver(host.members, events, next, pending)
      expect(names(host)).toEqual([...after.keys(), 'Me'])
      const exact = host.members.changesSince(split - 1, before)
      expect(exact.joined.map(({ identifier }) => identifier)).toEqual([...[...after.keys()].filter((name) => !before.has(name)), 'Me'])
      expect(exact.left.map(({ identifier }) => identifier)).toEqual([...before.keys()].filter((name) => !after.has(name)))
      const { joined, left } = host.members.changesSince(split - 1)
      const later = new Map(events.slice(split).map((each) => [each.identifier, each.type]))
      const those = (type: EventType) => new Set([...later].filter(([, last]) => last === type).map(([name]) => name))
      expect(new Set(joined.map(({ identifier }) => identifier))).toEqual(new Set([...those('insert'), 'Me']))
      expect(new Set(left.map(({ identifier }) => identifier))).toEqual(those('delete'))
      expect(attendance(host)).toEqual(new Map([...after, ['Me', 'Me']]))
    })
    fc.assert(property, { seed: 1, numRuns: 1000 })
  })

  test('[M9] names those who are gone as they were known, or as they were noted down', () => {
    const { members } = guestList('host', [])
    members.apply([event(0, 'insert', 'u-1', { name: 'Alex' }), event(1, 'insert', 'u-2', { name: 'Blake' })], [])
    members.apply([event(2, 'delete', 'u-1'), event(3, 'delete', 'u-3')], [])
    expect(members.changesSince(1).left.map(({ name }) => name)).toEqual(['Alex', 'u-3'])
    expect(members.changesSince(1, new Map([['u-3', 'Dan']])).left.map(({ name }) => name)).toEqual(['Dan'])
  })
})
