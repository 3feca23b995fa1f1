/**
 * What shows of a text: the text on the tape, and the pending drafts on top of it. It is brought there by the smallest
 * changes, so that cursors stay: others' splices are taken to where the pending drafts have gone first.
 */
import {
  type ChunkedText,
  compose,
  composeAll,
  type Draft,
  diff,
  readDeltas,
  type Splices,
  standsFirst,
  type TapeEvent,
  transform,
} from '../../protocol/index.ts'
import { type TapeStep, TapeText } from './tape-text.ts'

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
  /** What this model has just vended, one after the other. */
  readonly vended: readonly Splices<string>[]
}

export class ShownText {
  readonly #field: string
  readonly #tape: TapeText
  /** The tape's own while no draft is pending, so that nothing is kept twice. */
  #content: ChunkedText
  /** What the pending drafts do, each to what those before it leave. Undefined when they do anything else, or do not fit. */
  #pending: readonly Splices<string>[] | undefined = []

  constructor(field: string, onMisfit: (event: TapeEvent) => void) {
    this.#field = field
    this.#tape = new TapeText(field, onMisfit)
    this.#content = this.#tape.content
  }

  get content(): ChunkedText {
    return this.#content
  }

  get isPending(): boolean {
    return this.#content !== this.#tape.content
  }

  /** Shows what a model is given. */
  take({ events, drafts, client, end, vended }: Given): Shift {
    const isApart = this.isPending
    // Drafts that this model has not vended, as when a store has been read: it will not be known how they change what shows.
    const isForeseen = vended.length === 0 ? drafts.length === 0 : events.length === 0
    const before = isApart || isForeseen ? undefined : this.#content.toString()
    const changes: Splices<string>[] = []
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

  reset(): void {
    this.#tape.reset()
    this.#content = this.#tape.content
    this.#pending = []
  }

  /** Undefined when one of them does anything else than to splice a text. */
  #splicesOf(drafts: readonly Draft[]): readonly Splices<string>[] | undefined {
    const all: Splices<string>[] = []
    for (const { type, deltas } of drafts) {
      const list = type === 'update' ? deltas?.[this.#field] : undefined
      const splices = list === undefined ? undefined : readDeltas(list)
      if (splices === undefined || !areOfText(splices)) return undefined
      all.push(splices)
    }
    return all
  }

  /** Works out anew what shows, and how it differs. */
  #showAnew(drafts: readonly Draft[], before = this.#content.toString()): Shift {
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
      if (type !== 'update' || value !== undefined) content.set(typeof value === 'string' ? value : '')
    }
    this.#content = content
    this.#pending = haveAllFitted ? this.#splicesOf(drafts) : undefined
    const splices = diff(before, content.toString())
    return { changes: splices.length === 0 ? [] : [splices], isOwn: false }
  }
}

interface Above {
  readonly pending: readonly Splices<string>[]
  readonly client: string
  /** Gets what the step changes in what shows. */
  readonly changes: Splices<string>[]
}

/** Takes what the tape has done up through the pending drafts, and gives those as they are then; undefined when that cannot be said. */
function rise({ event, splices, isWhole }: TapeStep, { pending, client, changes }: Above): readonly Splices<string>[] | undefined {
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
function areFolded(drafts: readonly Splices<string>[], expected: readonly Splices<string>[]): boolean {
  let next = 0
  for (const draft of drafts) {
    let folded: Splices<string> = []
    do {
      const one = expected[next++]
      if (one === undefined) return false
      folded = compose(folded, one)
    } while (!areSame(folded, draft))
  }
  // What takes itself back leaves no draft.
  return composeAll(expected.slice(next)).length === 0
}

function areOfText(splices: Splices): splices is Splices<string> {
  return splices.every(({ inserted }) => inserted === undefined || typeof inserted === 'string')
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
