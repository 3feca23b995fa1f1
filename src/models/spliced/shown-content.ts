/**
 * What shows of a text or of bytes: what is on the tape, and the pending drafts on top of it. It is brought there by the smallest
 * changes, so that cursors stay: others' splices are taken to where the pending drafts have gone first.
 */
import {
  type ChunkedContent,
  type Content,
  compose,
  composeAll,
  type Draft,
  diff,
  isSameKind,
  readDeltas,
  type Splices,
  standsFirst,
  type TapeEvent,
  transform,
} from '../../protocol/index.ts'
import { contentOf, TapeContent, type TapeStep } from './tape-content.ts'

export interface Shift<C extends string | Uint8Array> {
  /** One after the other. */
  readonly changes: readonly Splices<C>[]
  /** Whether all of it was vended by this model just now. */
  readonly isOwn: boolean
}

export interface Given<C extends string | Uint8Array> {
  /** Of its object alone. */
  readonly events: readonly TapeEvent[]
  /** Those that concern its field. */
  readonly drafts: readonly Draft[]
  readonly client: string
  /** Where the first hole begins. */
  readonly end: number
  /** What this model has just vended, one after the other. */
  readonly vended: readonly Splices<C>[]
}

export class ShownContent<C extends string | Uint8Array> {
  readonly #field: string
  readonly #tape: TapeContent<C>
  readonly #empty: C
  /** The tape's own while no draft is pending, so that nothing is kept twice. */
  #content: ChunkedContent<C>
  /** What the pending drafts do, each to what those before it leave. Undefined when they do anything else, or do not fit. */
  #pending: readonly Splices<C>[] | undefined = []

  constructor(field: string, empty: C, onMisfit: (event: TapeEvent) => void) {
    this.#field = field
    this.#empty = empty
    this.#tape = new TapeContent(field, empty, onMisfit)
    this.#content = this.#tape.content
  }

  get content(): ChunkedContent<C> {
    return this.#content
  }

  get isPending(): boolean {
    return this.#content !== this.#tape.content
  }

  /** Shows what a model is given. */
  take({ events, drafts, client, end, vended }: Given<C>): Shift<C> {
    const isApart = this.isPending
    // Drafts that this model has not vended, as when a store has been read: it will not be known how they change what shows.
    const isForeseen = vended.length === 0 ? drafts.length === 0 : events.length === 0
    const before = isApart || isForeseen ? undefined : this.#content.whole
    const changes: Splices<C>[] = []
    let pending = this.#pending
    for (const step of this.#tape.take(events, end)) pending = pending && rise(step, { pending, client, changes })
    const given = this.#splicesOf(drafts)
    if (given === undefined || pending === undefined || !areFolded(given, [...pending, ...vended])) return this.#showAnew(drafts, before)
    this.#pending = given
    if (drafts.length === 0) this.#content = this.#tape.content
    else {
      if (isApart) for (const splices of changes) this.#content.splice(splices)
      else this.#content = this.#tape.content.copy()
      for (const splices of vended) this.#content.splice(splices)
    }
    return { changes: [...changes, ...vended], isOwn: vended.length > 0 && changes.length === 0 }
  }

  /** `isNarrowed`: what shows stays until it is shown anew, so that the difference is known. */
  reset(isNarrowed: boolean): void {
    this.#tape.reset()
    if (!isNarrowed) this.#content = this.#tape.content
    this.#pending = isNarrowed ? undefined : []
  }

  /** Undefined when one of them does anything else than to splice a text. */
  #splicesOf(drafts: readonly Draft[]): readonly Splices<C>[] | undefined {
    const all: Splices<C>[] = []
    for (const { type, deltas } of drafts) {
      const list = type === 'update' ? deltas?.[this.#field] : undefined
      const splices = list === undefined ? undefined : readDeltas(list)
      if (splices === undefined || !this.#areOfKind(splices)) return undefined
      all.push(splices)
    }
    return all
  }

  #areOfKind(splices: Splices): splices is Splices<C> {
    return splices.every(({ inserted }) => inserted === undefined || isSameKind(inserted, this.#empty))
  }

  /** Works out anew what shows, and how it differs. */
  #showAnew(drafts: readonly Draft[], before = this.#content.whole): Shift<C> {
    const content = drafts.length === 0 ? this.#tape.content : this.#tape.content.copy()
    let haveAllFitted = true
    for (const { type, values, deltas } of drafts) {
      const list = deltas?.[this.#field]
      if (list !== undefined) {
        const splices = readDeltas(list)
        if (content.fits(splices)) content.splice(splices)
        else haveAllFitted = false
        continue
      }
      const value = values !== undefined && Object.hasOwn(values, this.#field) ? values[this.#field] : undefined
      if (type !== 'update' || value !== undefined) content.set(contentOf(value, this.#empty))
    }
    this.#content = content
    this.#pending = haveAllFitted ? this.#splicesOf(drafts) : undefined
    const splices = diff(before, content.whole)
    return { changes: splices.length === 0 ? [] : [splices], isOwn: false }
  }
}

interface Above<C extends string | Uint8Array> {
  readonly pending: readonly Splices<C>[]
  readonly client: string
  /** Gets what the step changes in what shows. */
  readonly changes: Splices<C>[]
}

/** Takes what the tape has done up through the pending drafts, and gives those as they are then; undefined when that cannot be said. */
function rise<C extends string | Uint8Array>(
  { event, splices, isWhole }: TapeStep<C>,
  { pending, client, changes }: Above<C>,
): readonly Splices<C>[] | undefined {
  const [first, ...rest] = pending
  if (first === undefined) {
    changes.push(splices)
    return pending
  }
  if (isWhole) return undefined
  // It is on the tape now, and shows as it has shown.
  if (event.client === client) return areSame(first, splices) ? rest : undefined
  let passing = splices
  const isFirst = standsFirst(event, client)
  // The drafts make way for what somebody else did.
  const moved = pending.map((draft) => {
    const after = transform(draft, passing, isFirst ? 'later' : 'earlier')
    passing = transform(passing, draft, isFirst ? 'earlier' : 'later')
    return after
  })
  changes.push(passing)
  return moved
}

/** Whether the drafts are the expected ones, of which some may have become one: then each of them fits what it is meant for. */
function areFolded<C extends string | Uint8Array>(drafts: readonly Splices<C>[], expected: readonly Splices<C>[]): boolean {
  let next = 0
  for (const draft of drafts) {
    let folded: Splices<C> = []
    do {
      const one = expected[next++]
      if (one === undefined) return false
      folded = compose(folded, one)
    } while (!areSame(folded, draft))
  }
  // What takes itself back leaves no draft.
  return composeAll(expected.slice(next)).length === 0
}

function areSame(a: Splices, b: Splices): boolean {
  return (
    a.length === b.length &&
    a.every((one, index) => {
      const other = b[index]
      return one.offset === other?.offset && one.removed === other.removed && isSame(one.inserted, other.inserted)
    })
  )
}

function isSame(a: Content | undefined, b: Content | undefined): boolean {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return a === b
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
