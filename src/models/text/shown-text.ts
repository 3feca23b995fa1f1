/**
 * What shows of a text: the text on the tape, and the pending drafts on top of it. It is brought there by the smallest
 * changes, so that cursors stay: others' splices are taken to where the pending drafts have gone first.
 */
import { composeAll, type Draft, diff, readDeltas, type Splices, type TapeEvent, transform } from '../../protocol/index.ts'
import { ChunkedText } from './chunked-text.ts'
import { TapeText } from './tape-text.ts'

export interface Shift {
  /** One after the other. */
  readonly changes: readonly Splices<string>[]
  /** Whether all of it was vended by this model just now. */
  readonly isOwn: boolean
}

export interface Given {
  /** Of this text's object alone. */
  readonly events: readonly TapeEvent[]
  /** Those that concern this text. */
  readonly drafts: readonly Draft[]
  readonly client: string
  /** Where the first hole begins. */
  readonly end: number
  /** What this model has just vended. */
  readonly vended: Splices<string> | undefined
}

export class ShownText {
  readonly #field: string
  readonly #tape: TapeText
  /** The tape's own until there is a pending draft. */
  #content: ChunkedText
  /** What the pending drafts do, each to what those before it leave. */
  #pending: readonly Splices<string>[] = []

  constructor(field: string, onMisfit: (event: TapeEvent) => void) {
    this.#field = field
    this.#tape = new TapeText(field, onMisfit)
    this.#content = this.#tape.content
  }

  get content(): ChunkedText {
    return this.#content
  }

  get isPending(): boolean {
    return this.#pending.length > 0
  }

  /** Shows what a model is given. */
  take({ events, drafts, client, end, vended }: Given): Shift {
    const isApart = this.#content !== this.#tape.content
    // What nobody could expect, as when a store has been read.
    const before = !isApart && drafts.length > 0 && vended === undefined ? this.#content.toString() : undefined
    const changes: Splices<string>[] = []
    let isExact = true
    for (const { event, splices, isWhole } of this.#tape.take(events, end)) {
      if (this.#pending.length === 0) changes.push(splices)
      else if (isWhole) isExact = false
      else if (event.client === client) isExact &&= this.#landed(splices)
      else changes.push(this.#passThrough(splices))
    }
    isExact = this.#takeUp(drafts, vended) && isExact
    if (!isExact) return this.#showAnew(drafts, before)
    if (isApart) for (const splices of changes) this.#content.splice(splices)
    if (vended !== undefined) {
      if (!isApart) this.#content = new ChunkedText(this.#tape.content.toString())
      this.#content.splice(vended)
    }
    return vended === undefined ? { changes, isOwn: false } : { changes: [...changes, vended], isOwn: changes.length === 0 }
  }

  reset(): void {
    this.#tape.reset()
    this.#content = this.#tape.content
    this.#pending = []
  }

  /** An event of this client has come: the first of the pending drafts, if all is as it should be. */
  #landed(splices: Splices<string>): boolean {
    const [first, ...rest] = this.#pending
    this.#pending = rest
    return first !== undefined && areSame(first, splices)
  }

  /** Somebody else's splices, as they are above the pending drafts, which make way for them. */
  #passThrough(splices: Splices<string>): Splices<string> {
    let passing = splices
    this.#pending = this.#pending.map((draft) => {
      const moved = transform(draft, passing, 'later')
      passing = transform(passing, draft, 'earlier')
      return moved
    })
    return passing
  }

  /** Whether what is pending now is what was to be expected, with what was vended on top. */
  #takeUp(drafts: readonly Draft[], vended: Splices<string> | undefined): boolean {
    const expected = composeAll(vended === undefined ? this.#pending : [...this.#pending, vended])
    const isOfSplices = drafts.every(({ type, deltas }) => type === 'update' && deltas?.[this.#field] !== undefined)
    this.#pending = isOfSplices
      ? drafts.map(({ deltas }) => readDeltas(deltas?.[this.#field] ?? []) as Splices<string>)
      : drafts.map(() => [])
    return isOfSplices && areSame(composeAll(this.#pending), expected)
  }

  /** Works out anew what shows, and how it differs. */
  #showAnew(drafts: readonly Draft[], before = this.#content.toString()): Shift {
    const content = drafts.length === 0 ? this.#tape.content : new ChunkedText(this.#tape.content.toString())
    for (const { type, values, deltas } of drafts) {
      const list = deltas?.[this.#field]
      if (list !== undefined) {
        const splices = readDeltas(list)
        if (content.fits(splices)) content.splice(splices)
        continue
      }
      const value = values !== undefined && Object.hasOwn(values, this.#field) ? values[this.#field] : undefined
      if (type !== 'update' || value !== undefined) content.set(typeof value === 'string' ? value : '')
    }
    this.#content = content
    const splices = diff(before, content.toString())
    return { changes: splices.length === 0 ? [] : [splices], isOwn: false }
  }
}

function areSame(a: Splices, b: Splices): boolean {
  return (
    a.length === b.length &&
    a.every((one, index) => {
      const other = b[index]
      return one.offset === other?.offset && one.removed === other.removed && one.inserted === other.inserted
    })
  )
}
