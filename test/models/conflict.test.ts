import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ApplyContext, ModelReconciler, OutboundEventReceiver } from '../../src/client/reconciler.ts'
import { Collection, type Collision, StampedObjects } from '../../src/models/index.ts'
import { Conflict, OpenConflicts } from '../../src/models/objects/conflict.ts'
import type { Draft, EventType, TapeEvent, Values } from '../../src/protocol/index.ts'
import { settle as settleDevices, TestDevice } from '../support/test-device.ts'

const collection = 'things'

/** A model that tells what collided, on a device. */
class Device implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly objects = new StampedObjects(collection)
  readonly conflicts = new OpenConflicts({ collection, objects: this.objects, vend: (change) => this.receiver?.didCreateDraft(change) })
  readonly found: Collision[] = []
  readonly device: TestDevice

  constructor(client: string, tape: TapeEvent[]) {
    this.device = new TestDevice({ client, tape, model: this })
  }

  do(type: EventType, identifier: string, values?: Values): void {
    this.receiver?.didCreateDraft({ type, collection, identifier, ...(values === undefined ? {} : { values }) })
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[], context: ApplyContext): void {
    const applied = this.objects.apply(events, pending, context)
    this.found.push(...applied.collisions)
    this.conflicts.take(applied)
  }

  reset(): void {
    this.objects.reset()
  }
}

/** Two devices that both know of one thing. */
function pair(values: Values = { title: 'Milk', label: 'red' }) {
  const tape: TapeEvent[] = []
  const [a, b] = [new Device('a', tape), new Device('b', tape)]
  a.do('insert', 'x', values)
  a.device.send()
  a.device.hear()
  b.device.hear()
  return { tape, a, b }
}

const settle = (...models: readonly Device[]) => settleDevices(...models.map(({ device }) => device))
const titles = (device: Device) => device.objects.get('x')?.values.title

describe('a concurrent overwrite', () => {
  test('[X5] is told to both: who lost sees theirs win, who won sees mine win, with both values and makers', () => {
    const { a, b } = pair()
    a.do('update', 'x', { title: 'Oat milk' })
    b.do('update', 'x', { title: 'Soy milk' })
    settle(a, b)
    expect(titles(a)).toBe('Soy milk')
    expect(a.found).toEqual([
      {
        identifier: 'x',
        fields: { title: { mine: 'Oat milk', theirs: 'Soy milk' } },
        mine: { type: 'update', client: 'a', seq: 1 },
        theirs: { type: 'update', client: 'b', seq: 2 },
        winner: 'theirs',
        before: { title: 'Oat milk', label: 'red' },
      },
    ])
    expect(b.found).toMatchObject([
      { fields: { title: { mine: 'Soy milk', theirs: 'Oat milk' } }, winner: 'mine', mine: { client: 'b' }, theirs: { seq: 1 } },
    ])
  })

  test('[X5] is none when the other had seen it, wrote other fields, or wrote the same', () => {
    const { a, b } = pair()
    a.do('update', 'x', { title: 'Oat milk' })
    settle(a, b)
    b.do('update', 'x', { title: 'Soy milk' })
    settle(a, b)
    a.do('update', 'x', { title: 'Rice milk', list: [1, { k: 2 }] })
    b.do('update', 'x', { label: 'blue', title: 'Rice milk', list: [1, { k: 2 }] })
    settle(a, b)
    expect([a.found, b.found]).toEqual([[], []])
    expect(a.objects.list).toEqual(b.objects.list)
  })

  test('[X5] shows as soon as it is known: beneath a draft that still waits, and not a second time when that lands', () => {
    const { a, b } = pair()
    b.do('update', 'x', { title: 'Soy milk' })
    a.do('update', 'x', { title: 'Oat milk' })
    a.device.send()
    b.device.hear()
    expect(b.found).toMatchObject([{ winner: 'mine', mine: { seq: undefined }, theirs: { client: 'a', seq: 1 } }])
    settle(a, b)
    expect(b.found).toHaveLength(1)
  })

  test('[X5] is not told of what a model reads when it starts', () => {
    const { tape, a, b } = pair()
    a.do('update', 'x', { title: 'Oat milk' })
    b.do('update', 'x', { title: 'Soy milk' })
    settle(a, b)
    const later = new StampedObjects(collection)
    expect(later.apply(tape, [], { client: 'a', holes: [] }).collisions).toEqual([])
  })

  test('[X5] is told once, however often and in whatever order its events come', () => {
    const { tape, a, b } = pair()
    a.do('update', 'x', { title: 'Oat milk' })
    b.do('update', 'x', { title: 'Soy milk' })
    settle(a, b)
    const objects = new StampedObjects(collection)
    const context = { client: 'b', holes: [] }
    const [insert, theirs, mine] = tape as [TapeEvent, TapeEvent, TapeEvent]
    expect(objects.apply([insert], [], context).collisions).toEqual([])
    expect(objects.apply([mine], [], context).collisions).toEqual([])
    expect(objects.apply([theirs], [], context).collisions).toMatchObject([{ winner: 'mine', theirs: { seq: 1 } }])
    expect(objects.apply([theirs, mine, insert], [], context).collisions).toEqual([])
  })

  test('[X5] is none of a draft with a precondition: the server decides, and its refusal tells', () => {
    const { a, b } = pair()
    b.do('update', 'x', { title: 'Soy milk' })
    b.device.send()
    a.receiver?.didCreateDraft({ type: 'update', collection, identifier: 'x', values: { title: 'Oat milk' }, expect: { unchanged: true } })
    a.device.hear()
    a.device.refuse()
    expect([a.found, titles(a)]).toEqual([[], 'Soy milk'])
  })

  test('[X5] several writes that another one undid are one', () => {
    const { a, b } = pair()
    a.do('update', 'x', { title: 'Oat milk' })
    a.device.send()
    a.device.hear()
    a.do('update', 'x', { label: 'blue' })
    b.do('delete', 'x')
    settle(a, b)
    expect(a.found).toMatchObject([
      { winner: 'theirs', theirs: { type: 'delete' }, fields: { title: { mine: 'Oat milk', theirs: undefined }, label: { mine: 'blue' } } },
    ])
  })
})

describe('a decision', () => {
  test('[X6] for mine travels as a further event, and all end the same', () => {
    const { a, b } = pair()
    a.do('update', 'x', { title: 'Oat milk' })
    b.do('update', 'x', { title: 'Soy milk' })
    settle(a, b)
    expect(a.conflicts.list).toHaveLength(1)
    a.conflicts.list[0]?.keepMine()
    settle(a, b)
    expect([titles(a), titles(b)]).toEqual(['Oat milk', 'Oat milk'])
    expect([a.conflicts.list, b.conflicts.list]).toEqual([[], []])
  })

  test('[X6] for what stands already sends nothing', () => {
    const { tape, a, b } = pair()
    a.do('update', 'x', { title: 'Oat milk' })
    b.do('update', 'x', { title: 'Soy milk' })
    settle(a, b)
    a.conflicts.list[0]?.keepTheirs()
    b.conflicts.list[0]?.keepMine()
    expect([a.device.isIdle, b.device.isIdle, tape.length]).toEqual([true, true, 3])
    expect([a.conflicts.list, b.conflicts.list]).toEqual([[], []])
  })

  test('[X6] a merged value closes it for both', () => {
    const { a, b } = pair()
    a.do('update', 'x', { title: 'Oat milk' })
    b.do('update', 'x', { title: 'Soy milk' })
    settle(a, b)
    a.conflicts.list[0]?.merge({ title: 'Oat or soy milk' })
    settle(a, b)
    expect([titles(a), titles(b), a.conflicts.list.length, b.conflicts.list.length]).toEqual(['Oat or soy milk', 'Oat or soy milk', 0, 0])
  })

  test('[X6] brings back an object that somebody deleted, whole', () => {
    const { a, b } = pair()
    b.do('delete', 'x')
    b.device.send()
    a.do('update', 'x', { title: 'Oat milk' })
    settle(a, b)
    expect(a.objects.list).toEqual([])
    a.conflicts.list[0]?.keepMine()
    settle(a, b)
    expect(b.objects.get('x')?.values).toEqual({ title: 'Oat milk', label: 'red' })
  })

  test('[X6] takes back a deletion beneath which somebody wrote, for the one who deleted', () => {
    const { a, b } = pair()
    a.do('delete', 'x')
    b.do('update', 'x', { title: 'Soy milk' })
    settle(a, b)
    expect(a.found).toMatchObject([{ winner: 'mine', mine: { type: 'delete' }, before: { title: 'Milk', label: 'red' } }])
    a.conflicts.list[0]?.keepTheirs()
    settle(a, b)
    expect(b.objects.get('x')?.values).toEqual({ title: 'Soy milk', label: 'red' })
  })

  test('[X6] deletes again what somebody inserted anew', () => {
    const { a, b } = pair()
    a.do('delete', 'x')
    a.device.send()
    b.do('insert', 'x', { title: 'Soy milk' })
    settle(a, b)
    expect(titles(a)).toBe('Soy milk')
    a.conflicts.list[0]?.keepMine()
    settle(a, b)
    expect([a.objects.list, b.objects.list]).toEqual([[], []])
  })

  test('[X6] is no more to be made when anybody has written the fields since, or the draft is gone', () => {
    const { a, b } = pair()
    a.do('update', 'x', { title: 'Oat milk' })
    b.do('update', 'x', { title: 'Soy milk' })
    settle(a, b)
    const [conflict] = a.conflicts.list
    b.do('update', 'x', { title: 'Rice milk' })
    settle(a, b)
    expect(conflict?.isOpen).toBe(false)
    conflict?.keepMine()
    expect(a.device.isIdle).toBe(true)
    expect(b.conflicts.list).toEqual([])
  })

  test('[X6] by all who take part, whatever each of them chooses, leaves all with the same', () => {
    const types = fc.constantFrom<EventType>('insert', 'update', 'delete')
    const change = fc.record({
      type: types,
      values: fc.dictionary(fc.constantFrom('title', 'label', 'constructor'), fc.nat(3), { maxKeys: 2 }),
    })
    const step = fc.record({ device: fc.nat(2), act: fc.constantFrom('do', 'do', 'send', 'hear', 'mine', 'theirs', 'merge'), change })
    const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const tape: TapeEvent[] = []
      const devices = [new Device('a', tape), new Device('b', tape), new Device('c', tape)]
      for (const { device: index, act, change: made } of steps) {
        const device = devices[index] as Device
        const [conflict] = device.conflicts.list
        if (act === 'do') device.do(made.type, 'x', made.type === 'delete' ? undefined : made.values)
        else if (act === 'send') device.device.send()
        else if (act === 'hear') device.device.hear(1)
        else if (act === 'mine') conflict?.keepMine()
        else if (act === 'theirs') conflict?.keepTheirs()
        else conflict?.merge({ title: 9 })
      }
      settle(...devices)
      for (const device of devices) expect(device.objects.list).toEqual(devices[0]?.objects.list)
      // Whoever goes on deciding comes to an end.
      for (const device of devices) for (const conflict of device.conflicts.list) conflict.keepMine()
      settle(...devices)
      for (const device of devices) expect(device.objects.list).toEqual(devices[0]?.objects.list)
    })
    fc.assert(property, { seed: 1, numRuns: 3000 })
  })
})

test('[X6] merged by whoever lost, at once and on every device, comes to an end with the same for all', () => {
  const step = fc.record({ index: fc.nat(2), act: fc.constantFrom('do', 'do', 'send', 'hear') })
  const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
    const tape: TapeEvent[] = []
    let edits = 0
    const all = ['a', 'b', 'c'].map((client) => {
      const onConflict = (conflict: Conflict) => {
        const { mine, theirs } = conflict.fields.title ?? {}
        if (conflict.winner === 'theirs') conflict.merge({ title: `${theirs}+${mine}` })
      }
      const things = new Collection(collection, { onConflict })
      return { client, things, device: new TestDevice({ client, tape, model: things }) }
    })
    const devices = all.map(({ device }) => device)
    all[0]?.things.insert({ title: '' }, { identifier: 'x' })
    settleDevices(...devices)
    for (const { index, act } of steps) {
      const { client, things, device } = all[index] as (typeof all)[number]
      if (act === 'do') things.update('x', { title: `${client}${++edits}` })
      else if (act === 'send') device.send()
      else device.hear(1)
    }
    settleDevices(...devices)
    for (const { things } of all) expect(things.list).toEqual(all[0]?.things.list)
    expect(tape.length).toBeLessThan(1 + 4 * (1 + edits))
  })
  fc.assert(property, { seed: 1, numRuns: 1000 })
})

test('[X6] ten thousand conflicts are found and closed in no time to speak of, and none is left in memory', () => {
  const conflicts = new OpenConflicts({ collection, objects: new StampedObjects(collection), vend: () => undefined })
  const collision = (n: number): Collision => ({
    identifier: `x${n}`,
    fields: { title: { mine: 'a', theirs: 'b' } },
    mine: { type: 'update', client: 'a', seq: 1 },
    theirs: { type: 'update', client: 'b', seq: n },
    winner: 'theirs',
    before: undefined,
  })
  conflicts.take({ touched: [], collisions: Array.from({ length: 10_000 }, (_, n) => collision(n)) })
  expect(conflicts.list).toHaveLength(10_000)
  expect(conflicts.list.every((conflict) => conflict instanceof Conflict)).toBe(true)
  conflicts.reset()
  expect(conflicts.list).toEqual([])
})
