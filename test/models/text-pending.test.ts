/** What a text shows while drafts are pending, whatever becomes of them: the text on the tape, with them on top. */
import { describe, expect, test } from 'vitest'
import { type SplicedChange, Text } from '../../src/models/index.ts'
import {
  applyDeltas,
  type Change,
  type Draft,
  type Json,
  readDeltas,
  type Splice,
  type Splices,
  splice,
  type TapeEvent,
  transform,
  writeDeltas,
} from '../../src/protocol/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const object = { collection: 'notes', identifier: 'text' }
const at = (offset: number, inserted: string, removed = 0) => writeDeltas([{ offset, removed, inserted: inserted || undefined }])
const deltasAt = (...args: Parameters<typeof at>): Draft => ({ type: 'update', seen: 0, ...object, deltas: { text: at(...args) } })

/** A text on a tape that the test plays, with the drafts that it plays. */
class Desk {
  readonly text = new Text('notes')
  readonly changes: SplicedChange<string>[] = []
  tape: TapeEvent[] = []
  drafts: readonly Draft[] = []
  vendedAtOnce: number[] = []

  constructor(initial = '') {
    const take = (changes: readonly Change[]) => {
      this.vendedAtOnce.push(changes.length)
      this.give([], [...this.drafts, ...changes.map((change) => ({ seen: -1, ...change }))])
    }
    this.text.receiver = { didCreateDraft: (change) => take([change]), didCreateDrafts: take }
    this.give(initial === '' ? [] : [this.event({ values: { text: initial } })])
    this.text.subscribe((change) => this.changes.push(change))
  }

  /** The next on the tape. */
  event(change: Partial<TapeEvent>): TapeEvent {
    const seq = this.tape.length
    const event: TapeEvent = { seq, client: 'other', counter: seq + 1, seen: seq - 1, type: 'update', ...object, ...change }
    this.tape.push(event)
    return event
  }

  give(events: readonly TapeEvent[], drafts = this.drafts): void {
    this.drafts = drafts
    this.text.apply(events, drafts, { client: 'me', holes: [] })
  }

  /** Whether the drafts do nothing but splice, each what those before it leave. */
  get areFitting(): boolean {
    let text: Json | undefined = this.tape.reduce<Json>(after, '')
    for (const { deltas } of this.drafts)
      text = deltas?.text === undefined || text === undefined ? undefined : applyDeltas(text, deltas.text)
    return text !== undefined
  }

  /** By the plain rule. */
  get expected(): string {
    return String([...this.tape, ...this.drafts].reduce<Json>(after, ''))
  }
}

function after(text: Json, { type, values, deltas }: Change): Json {
  const list = deltas?.text
  if (list !== undefined) return applyDeltas(text, list) ?? text
  const value = values?.text
  return type === 'update' && value === undefined ? text : typeof value === 'string' ? value : ''
}

describe('a text with pending drafts', () => {
  test('[M11] shows the tape with them on top, and says how it came to that, whatever happens', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = new SeededRandom(seed)
      const desk = new Desk('Once 🙂 upon')
      const { text, changes } = desk
      const cursor = text.track(random.below(text.length))
      for (let step = 0; step < 40; step++) {
        const before = text.value
        changes.length = 0
        const wereFitting = desk.areFitting
        const { isOwn } = anyStep(desk, random)
        const name = `seed ${seed} step ${step}`
        expect(text.value, name).toBe(desk.expected)
        expect([text.length, text.isPending], name).toEqual([text.value.length, desk.drafts.length > 0])
        expect(
          changes.reduce((shown, { splices }) => splice(shown, splices), before),
          name,
        ).toBe(text.value)
        expect(
          changes.filter(({ splices }) => splices.length === 0),
          name,
        ).toEqual([])
        if (isOwn && wereFitting)
          expect(
            changes.filter((change) => !change.isOwn),
            name,
          ).toEqual([])
        expect(cursor.from >= 0 && cursor.from <= text.length, name).toBe(true)
      }
    }
  })

  test('[M11] a draft that set the text whole and was refused leaves nothing behind', () => {
    const desk = new Desk('abc')
    desk.give([], [{ type: 'update', seen: 0, ...object, values: { text: 'whole' } }])
    expect(desk.text.value).toBe('whole')
    desk.give([], [])
    expect(desk.text.value).toBe('abc')
  })

  test('[M11] a draft that does not fit moves nothing', () => {
    const desk = new Desk('abcdef')
    desk.give([], [deltasAt(5, '', 4)])
    const event = desk.event({ deltas: { text: at(6, '!') } })
    const [rebased] = pastAll([readDeltas(at(5, '', 4)) as Splices<string>], readDeltas(at(6, '!')) as Splices<string>)
    desk.give([event], [{ ...deltasAt(0, ''), deltas: { text: writeDeltas(rebased ?? []) } }])
    expect(desk.text.value).toBe('abcdef!')
  })

  test('[M11] splices that touch are one, and its own', () => {
    const desk = new Desk('abc')
    desk.text.edit([
      { offset: 0, removed: 1, inserted: 'x' },
      { offset: 1, removed: 1, inserted: 'y' },
    ])
    expect(desk.changes).toEqual([{ splices: [{ offset: 0, removed: 2, inserted: 'xy' }], isOwn: true }])
  })

  test('[M11] says nothing when nothing shows', () => {
    const desk = new Desk('abc')
    desk.give([desk.event({ values: { text: 'abc' } })])
    desk.give([desk.event({ deltas: { text: at(0, 'x') } }), desk.event({ deltas: { text: at(0, '', 1) } })])
    expect([desk.changes, desk.text.value]).toEqual([[], 'abc'])
  })

  test('[M11] an edit of several drafts goes at once: who listens hears of it once, and may edit then', () => {
    const desk = new Desk('0123456789')
    const long = 'ab'.repeat(50_000)
    let isFirst = true
    desk.text.subscribe(() => {
      if (isFirst) {
        isFirst = false
        desk.text.splice(0, 0, '>')
      }
    })
    desk.text.splice(5, 0, long)
    expect(desk.vendedAtOnce).toEqual([2, 1])
    expect(desk.changes.map(({ isOwn }) => isOwn)).toEqual([true, true])
    expect(desk.text.value === `>01234${long}56789`).toBe(true)
  })

  test('[M11] slices like a string, whether or not the whole is at hand', () => {
    const desk = new Desk('abc '.repeat(2000))
    const places = [-9000, -3, 0, 1, 4000, 7999, 9000]
    for (const from of places) {
      for (const to of places) {
        desk.text.splice(10, 0, 'x')
        const part = desk.text.slice(from, to)
        expect(part, `${from} ${to}`).toBe(desk.text.value.slice(from, to))
        expect(desk.text.slice(from, to)).toBe(part)
      }
    }
  })
})

/** Something that may happen to a text; `isOwn` when it was an edit here. */
function anyStep(desk: Desk, random: SeededRandom): { readonly isOwn: boolean } {
  const dice = random.next()
  if (dice < 0.35) {
    desk.text.edit(anySplices(desk.text.value, random))
    return { isOwn: true }
  }
  if (dice < 0.4) desk.give([], desk.drafts.toSpliced(random.below(desk.drafts.length + 1), 1))
  else if (dice < 0.44) desk.give([], [...desk.drafts, deltasAt(random.below(30), 'tab', random.below(4))])
  else if (dice < 0.46) desk.give([], [...desk.drafts, { type: 'insert', seen: 0, ...object, values: { text: `mine ${random.below(9)}` } }])
  else {
    const events = Array.from({ length: 1 + random.below(3) }, () => anyEvent(desk, random))
    desk.give(events)
  }
  return { isOwn: false }
}

/** Puts an event on the tape, and the drafts past it, as an outbox does; now and then as a bad one would. */
function anyEvent(desk: Desk, random: SeededRandom): TapeEvent {
  const dice = random.next()
  const [first, ...rest] = desk.drafts
  if (dice < 0.35 && first !== undefined) {
    desk.drafts = rest
    return desk.event({ ...first, client: 'me' })
  }
  if (dice < 0.38) return desk.event({ type: 'delete' })
  if (dice < 0.42) return desk.event({ values: { text: random.chance(0.8) ? 'another 🙂' : 7 } })
  if (dice < 0.46) return desk.event({ deltas: { text: at(random.below(40), 'x', random.below(5)) } })
  const splices = anySplices(String(desk.tape.reduce<Json>(after, '')), random)
  if (splices.length === 0) return desk.event({ values: { other: 1 } })
  const own = desk.drafts.map(({ deltas }) => readDeltas(deltas?.text ?? []) as Splices<string>)
  if (random.chance(0.95)) {
    const moved = pastAll(own, splices)
    desk.drafts = desk.drafts.map((draft, index) => {
      return draft.deltas === undefined ? draft : { ...draft, deltas: { text: writeDeltas(moved[index] ?? []) } }
    })
  }
  return desk.event({ deltas: { text: writeDeltas(splices) } })
}

function pastAll(drafts: readonly Splices<string>[], over: Splices<string>): readonly Splices<string>[] {
  let passing = over
  return drafts.map((draft) => {
    const moved = transform(draft, passing, 'later')
    passing = transform(passing, draft, 'earlier')
    return moved
  })
}

/** Up to three, which may touch, and cut no pair. */
function anySplices(text: string, random: SeededRandom): Splices<string> {
  const places = [0]
  for (const character of text) places.push((places.at(-1) as number) + character.length)
  const splices: Splice<string>[] = []
  for (let from = random.below(places.length); from < places.length && splices.length < 3; from += random.below(4)) {
    const to = Math.min(places.length - 1, from + random.below(3))
    const inserted = random.pick(['', 'a', '🙂', 'word '])
    const offset = places[from] as number
    const removed = (places[to] as number) - offset
    if (removed > 0 || inserted !== '') splices.push({ offset, removed, inserted: inserted === '' ? undefined : inserted })
    from = to
    if (random.chance(0.3)) break
  }
  return splices
}
