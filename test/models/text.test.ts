import { describe, expect, test } from 'vitest'
import { Models, type SplicedChange, Text } from '../../src/models/index.ts'
import { cheapest, portionsOf } from '../../src/models/portions.ts'
import { textKind } from '../../src/models/spliced/text.ts'
import {
  type Change,
  type Draft,
  foldEvents,
  holesUpTo,
  normalize,
  type Splices,
  splice,
  type TapeEvent,
  writeDeltas,
} from '../../src/protocol/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { TestStream } from '../support/test-stream.ts'

const object = { collection: 'notes', identifier: 'text' }
const at = (offset: number, inserted: string, removed = 0) => writeDeltas([{ offset, removed, inserted: inserted || undefined }])

function event(seq: number, change: Partial<TapeEvent>): TapeEvent {
  return { seq, client: 'other', counter: seq + 1, seen: seq - 1, type: 'update', ...object, ...change }
}

/** A text whose drafts stay pending until they are given back. */
function textOf(): { text: Text; drafts: Draft[]; give: (events: readonly TapeEvent[], drafts?: readonly Draft[]) => void } {
  const text = new Text('notes')
  let drafts: Draft[] = []
  const give = (events: readonly TapeEvent[], pending?: readonly Draft[]) => {
    if (pending !== undefined) drafts = [...pending]
    text.apply(events, [...drafts], { client: 'me', holes: [] })
  }
  text.receiver = {
    didCreateDraft: (change: Change) => {
      drafts.push({ seen: -1, ...change })
      give([])
    },
  }
  give([])
  return { text, drafts, give }
}

function heard(text: Text): SplicedChange<string>[] {
  const changes: SplicedChange<string>[] = []
  text.subscribe((change) => changes.push(change))
  return changes
}

describe('a text', () => {
  test('[M11] is there as soon as something is written to it, and is changed by splices', () => {
    const { text, give } = textOf()
    const changes = heard(text)
    text.splice(0, 0, 'Hello')
    text.edit([
      { offset: 0, removed: 1, inserted: 'J' },
      { offset: 5, removed: 0, inserted: ' there' },
    ])
    text.set('Jello here')
    expect([text.value, text.length, text.slice(6), text.isPending]).toEqual(['Jello here', 10, 'here', true])
    expect(changes.every(({ isOwn }) => isOwn)).toBe(true)
    expect(changes.reduce((before, { splices }) => splice(before, splices), '')).toBe('Jello here')
    give([event(0, { client: 'me', deltas: { text: at(0, 'Jello here') } })], [])
    expect([text.value, text.isPending, changes.length]).toEqual(['Jello here', false, 3])
  })

  test('[M11] shows what others write beneath what is pending, and says what moved', () => {
    const { text, give } = textOf()
    give([event(0, { type: 'insert', values: { text: 'one three' } })])
    text.splice(9, 0, ' four')
    const changes = heard(text)
    const cursor = text.track(14)
    const word = text.track(4, 9)
    give([event(1, { deltas: { text: at(4, 'two ') } })], [{ type: 'update', seen: 1, ...object, deltas: { text: at(13, ' four') } }])
    expect(text.value).toBe('one two three four')
    expect(changes).toEqual([{ splices: [{ offset: 4, removed: 0, inserted: 'two ' }], isOwn: false }])
    expect([cursor.from, word.from, word.to]).toEqual([18, 4, 13])
    word.release()
    give([event(2, { deltas: { text: at(0, '', 4) } })], [{ type: 'update', seen: 2, ...object, deltas: { text: at(9, ' four') } }])
    expect([text.value, cursor.from, word.from]).toEqual(['two three four', 14, 4])
  })

  test('[M11] shows what nobody expected, too: another value, a refused draft, a deletion', () => {
    const { text, give } = textOf()
    give([event(0, { values: { text: 'abc' } })])
    text.splice(3, 0, 'd')
    give([event(1, { values: { text: 'new' } })], [])
    expect(text.value).toBe('new')
    text.splice(3, 0, '!')
    give([], [])
    expect(text.value).toBe('new')
    give([event(2, { type: 'delete' })])
    expect([text.value, text.length]).toEqual(['', 0])
    give([event(3, { values: { text: 7 } }), event(4, { values: { other: 'x' } })])
    expect(text.value).toBe('')
  })

  test('[M11] leaves out what does not fit, and reports it once', () => {
    const problems: unknown[] = []
    const text = new Text('notes', { onProblem: (problem) => problems.push(problem) })
    const misfit = event(1, { deltas: { text: at(9, 'x') } })
    const events = [
      event(0, { deltas: { text: at(0, '🙂') } }),
      misfit,
      event(2, { deltas: { text: at(1, 'x') } }),
      event(3, { deltas: { text: at(2, '!') } }),
    ]
    text.apply(events, [], { client: 'me', holes: [] })
    text.apply(events, [], { client: 'me', holes: [] })
    expect(text.value).toBe('🙂!')
    expect(problems).toEqual([
      { type: 'misfit', event: misfit },
      { type: 'misfit', event: events[2] },
    ])
  })

  test('[M11] says where an edit is wrong, and nothing has happened', () => {
    const unattached = new Text('notes')
    expect(() => unattached.splice(0, 0, 'x')).toThrow('Attach the text')
    unattached.receiver = { didCreateDraft: () => {} }
    expect(() => unattached.splice(0, 0, 'x')).toThrow('ready')
    const { text, drafts } = textOf()
    text.splice(0, 0, 'a🙂')
    const count = drafts.length
    for (const [offset, removed] of [
      [-1, 0],
      [0.5, 0],
      [4, 0],
      [0, 4],
      [0, -1],
      [2, 0],
      [1, 1],
      [Number.NaN, 0],
    ] as const) {
      expect(() => text.splice(offset, removed, 'x'), `${offset} ${removed}`).toThrow(RangeError)
    }
    expect(() =>
      text.edit([
        { offset: 1, removed: 0, inserted: 'x' },
        { offset: 0, removed: 0, inserted: 'y' },
      ]),
    ).toThrow(RangeError)
    expect(() => text.splice(0, 0, '\ud83d')).toThrow(expect.objectContaining({ code: 'lone-surrogate' }))
    expect(() => text.splice(0, 0, 'x'.repeat(50_000_000))).toThrow(RangeError)
    text.splice(0, 0, '')
    expect([text.value, drafts.length]).toEqual(['a🙂', count])
  })

  test('[M11] much is vended in several drafts that fit events', () => {
    const long = '🙂é'.repeat(100_000)
    const splices: Splices<string> = [
      { offset: 0, removed: 1, inserted: 'x' },
      { offset: 5, removed: 2, inserted: long },
    ]
    const portions = portionsOf(splices, textKind.portions)
    expect(portions.length).toBeGreaterThan(3)
    expect(portions.reduce(splice, '0123456789')).toBe(splice('0123456789', splices))
    for (const portion of portions) {
      expect(JSON.stringify(writeDeltas(portion)).isWellFormed()).toBe(true)
      expect(Buffer.byteLength(JSON.stringify(writeDeltas(portion)))).toBeLessThan(240_000)
    }
    const many = Array.from({ length: 3000 }, (_, index) => ({ offset: 10 * index, removed: 1, inserted: 'x' }))
    const before = '0123456789'.repeat(3000)
    expect(portionsOf(many, textKind.portions).reduce(splice, before)).toBe(splice(before, many))
  })

  test('[M11] what is far cheaper whole goes whole', () => {
    const before = 'a b '.repeat(100)
    const slice = (from: number, to: number) => before.slice(from, to)
    const many = Array.from({ length: 100 }, (_, index) => ({ offset: 4 * index, removed: 1, inserted: 'xy' }))
    const whole = cheapest(many, slice)
    expect(whole).toHaveLength(1)
    expect(splice(before, whole)).toBe(splice(before, many))
    const few = many.slice(0, 3)
    expect(cheapest(few, slice)).toBe(few)
    const apart = [few[0], { offset: 399, removed: 1, inserted: 'z' }] as Splices<string>
    expect(cheapest(apart, slice)).toBe(apart)
  })

  test('[M11][D7] ends the same in any order, pieces and repeats, folded or not, and shows no more than there is up to the first hole', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed)
      const { tape, texts } = anyTape(random)
      const model = new Text('notes')
      let given: [number, number][] = []
      const pieces: [number, number][] = []
      for (let from = 0; from < tape.length; ) {
        const to = Math.min(tape.length - 1, from + random.below(6))
        pieces.push([from, to])
        from = to + 1
      }
      for (const [from, to] of random.shuffle([...pieces, ...pieces.slice(0, 2)])) {
        given = normalize([...given, [from, to]]).map(([first, last]) => [first, last])
        const events = tape.slice(from, to + 1)
        const holes = holesUpTo(given, tape.length - 1)
        model.apply(random.chance(0.5) ? foldEvents(events, [[from, to]]) : events, [], { client: 'me', holes })
        const end = holes[0]?.[0] ?? tape.length
        expect(model.value, `seed ${seed}`).toBe(end === 0 ? '' : texts[end - 1])
      }
    }
  })

  test('[M11] works on a stream, through an epoch', async () => {
    const client = new TestStream()
    const text = new Text('notes')
    client.stream.attach(text)
    expect(text.isReady).toBe(false)
    await client.welcome(-1)
    expect(text.isReady).toBe(true)
    text.splice(0, 0, 'ab')
    text.splice(1, 0, '-')
    expect([text.value, client.stream.status.pending]).toEqual(['a-b', 1])
    const changes = heard(text)
    await client.frame({ type: 'welcome', epoch: 'another', latestSeq: -1, expiresInMs: 3_600_000 })
    expect(changes.length).toBeLessThanOrEqual(1)
  })
})

/** A tape of one text, and what it is after each event. */
function anyTape(random: SeededRandom): { tape: readonly TapeEvent[]; texts: readonly string[] } {
  const tape: TapeEvent[] = []
  const texts: string[] = []
  let text = ''
  for (let seq = 0; seq < 30; seq++) {
    const dice = random.next()
    let change: Partial<TapeEvent>
    if (dice < 0.04) change = { type: 'insert', values: random.chance(0.5) ? { text: 'born' } : {} }
    else if (dice < 0.07) change = { type: 'delete' }
    else if (dice < 0.12) change = { values: { text: `whole ${seq}` } }
    else if (dice < 0.25) change = { values: { other: seq } }
    else if (dice < 0.35) change = { identifier: 'another', deltas: { text: at(0, 'elsewhere') } }
    else {
      const offset = random.below(text.length + 2)
      change = { deltas: { text: at(offset, random.chance(0.7) ? `<${seq}>` : '', random.below(3) + (random.chance(0.7) ? 0 : 1)) } }
      if (change.deltas?.text?.length === 0) change = { values: { other: seq } }
    }
    const whole = change.type === 'insert' || change.type === 'delete' || change.values?.text !== undefined
    if (whole) text = String(change.values?.text ?? '')
    else if (change.deltas !== undefined && change.identifier === undefined) text = spliced(text, change.deltas.text)
    tape.push(event(seq, change))
    texts.push(text)
  }
  return { tape, texts }
}

/** Without this library: a delta at a time, from the end. */
function spliced(text: string, deltas: NonNullable<TapeEvent['deltas']>[string] = []): string {
  let after = text
  for (const delta of deltas.toReversed()) {
    const count = delta.type === 'insert' ? 0 : delta.type === 'delete' ? delta.count : (delta.values as string).length
    if (delta.offset + count > text.length) return text
    after = after.slice(0, delta.offset) + (delta.type === 'delete' ? '' : delta.values) + after.slice(delta.offset + count)
  }
  return after
}

test('[M10][M11] a text that is held back cannot be edited: what is typed would lie on another text than it shows', () => {
  const text = new Text('notes')
  const models = new Models([text], { onUnhandled: 'stop' })
  const drafts: Change[] = []
  models.receiver = { didCreateDraft: (change) => drafts.push(change) }
  const hello = event(2, { deltas: { text: at(0, 'hello ') } })
  const events = [event(0, { deltas: { text: at(0, 'world') } }), event(1, { collection: 'unknown', values: {} }), hello]
  models.apply(events, [], { client: 'me', holes: [] })
  expect([text.value, text.isReady]).toEqual(['world', false])
  expect(() => text.splice(5, 0, '!')).toThrow('ready')
  models.proceed()
  expect([text.value, text.isReady]).toEqual(['hello world', true])
  text.splice(11, 0, '!')
  expect(drafts).toMatchObject([{ deltas: { text: at(11, '!') } }])
})
