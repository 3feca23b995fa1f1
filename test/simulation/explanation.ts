/**
 * Whether what the tape has of one object is what its makers did to it: each maker's edits in their order, none lost
 * and none twice, folded on their way or refused, and nothing else.
 *
 * It looks for a way to lay the makers' edits into one row and to cut that into runs, so that the runs, folded, are the
 * events. The marks in the values leave few ways; what is written over, and deletes, which have none, leave some.
 */
import { type Change, type Draft, foldDraft } from '../../src/protocol/index.ts'

export interface MadeEdit {
  readonly change: Change
  /** It may have been lost, or come another way. */
  readonly isOptional: boolean
}

export interface Findings {
  /** Of one object, one list for each maker. */
  readonly made: readonly (readonly MadeEdit[])[]
  /** What the tape has of these makers and the object. */
  readonly events: readonly Change[]
  readonly refused: readonly Change[]
}

/** So many ways are tried before it is left open. */
const triesMax = 5000

export function isExplained(findings: Findings): boolean | 'open' {
  return new Search(findings).run()
}

class Search {
  readonly #made: readonly (readonly MadeEdit[])[]
  readonly #events: readonly string[]
  readonly #refused: ReadonlySet<string>
  /** The events that end with a mark, by mark. */
  readonly #ends = new Map<string, number[]>()
  /** Marks of several edits, as when a refused draft is published again. */
  readonly #repeated = new Set<string>()
  readonly #failed = new Set<string>()
  #tries = 0

  constructor({ made, events, refused }: Findings) {
    this.#made = made
    this.#events = events.map(textOf)
    this.#refused = new Set(refused.map(textOf))
    const marks = made.flatMap((edits) => edits.flatMap(({ change }) => markOf(change) ?? []))
    marks.forEach((mark, index) => {
      if (marks.indexOf(mark) < index) this.#repeated.add(mark)
    })
    events.forEach((event, index) => {
      const mark = markOf(event)
      if (mark !== undefined) this.#ends.set(mark, [...(this.#ends.get(mark) ?? []), index])
    })
  }

  run(): boolean | 'open' {
    const isFound = this.#explain(
      this.#made.map(() => 0),
      0,
      [],
    )
    return isFound || (this.#tries < triesMax ? false : 'open')
  }

  /** From here on: so many edits of each maker used, so many events explained, and these drafts folded so far. */
  #explain(used: readonly number[], explained: number, waiting: readonly Draft[]): boolean {
    if (waiting.length === 0 && explained === this.#events.length && this.#areDone(used)) return true
    // What waits was all made under the same terms.
    const key = `${used.join()} ${explained} ${waiting.map(textOf).join()} ${waiting[0]?.expect?.unchanged}`
    if (this.#failed.has(key) || this.#tries++ > triesMax) return false
    if (this.#send(used, explained, waiting) || this.#make(used, explained, waiting)) return true
    this.#failed.add(key)
    return false
  }

  #areDone(used: readonly number[]): boolean {
    return this.#made.every((edits, maker) => edits.slice(used[maker]).every(({ isOptional }) => isOptional))
  }

  /** The oldest that waits is the next event, or was refused. */
  #send(used: readonly number[], explained: number, waiting: readonly Draft[]): boolean {
    const [oldest, ...others] = waiting
    if (oldest === undefined) return false
    const text = textOf(oldest)
    if (text === this.#events[explained] && this.#explain(used, explained + 1, others)) return true
    return this.#refused.has(text) && this.#explain(used, explained, others)
  }

  /** Somebody's next edit is folded with what waits, or got lost. */
  #make(used: readonly number[], explained: number, waiting: readonly Draft[]): boolean {
    for (const [maker, edits] of this.#made.entries()) {
      const edit = edits[used[maker] ?? 0]
      if (edit === undefined) continue
      const next = used.with(maker, (used[maker] ?? 0) + 1)
      if (this.#mayCome(edit.change, explained + waiting.length)) {
        for (const folded of foldings(waiting, edit.change)) if (this.#explain(next, explained, folded)) return true
      }
      if (edit.isOptional && this.#explain(next, explained, waiting)) return true
    }
    return false
  }

  /** An edit whose mark ends a later event comes after the events before that. */
  #mayCome(change: Change, event: number): boolean {
    const mark = markOf(change)
    const ends = mark === undefined ? undefined : this.#ends.get(mark)
    return mark === undefined || ends === undefined || this.#repeated.has(mark) || ends.some((end) => end <= event)
  }
}

/** Whether the object was known when an insert and its delete met cannot be told from here. */
function foldings(waiting: readonly Draft[], change: Change): (readonly Draft[])[] {
  const draft = { ...change, seen: -1 }
  // What waits is not changed any more: it may as well be sent first.
  if (waiting.some((each) => !isLike(each, draft))) return []
  const ways = [true, false].map((isKnown) => {
    const { gone, last, newest } = foldDraft(waiting, draft, isKnown)
    const kept = waiting.slice(0, waiting.length - gone)
    if (last !== undefined) kept.splice(-1, 1, last)
    return newest === undefined ? kept : [...kept, newest]
  })
  return ways[0]?.length === ways[1]?.length ? ways.slice(0, 1) : ways
}

/** Only what was made under the same terms is folded. */
function isLike(a: Change, b: Change): boolean {
  return (a.version ?? 1) === (b.version ?? 1) && String(a.expect?.unchanged) === String(b.expect?.unchanged)
}

function textOf({ type, version = 1, values }: Change): string {
  return `${type} ${version} ${JSON.stringify(values)}`
}

export function markOf({ values }: Change): string | undefined {
  return values?.mark as string | undefined
}
