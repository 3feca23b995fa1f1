/**
 * Takes pending deltas to where somebody else's event has gone first: operational transformation, with the tape as the
 * one order. The pending drafts of an object lie on each other, so the event passes through all of them, oldest first.
 *
 *   tape ── event ──► tape'           what the draft puts in stays, where it was meant to be
 *    │ draft           │ draft'       what both took away is gone once
 *    ▼                 ▼
 *   shown ─ event' ─► shown'
 */
import {
  type Deltas,
  type Draft,
  type FieldDeltas,
  readDeltas,
  type Splices,
  standsFirst,
  type TapeEvent,
  transform,
  writeDeltas,
} from '../../protocol/index.ts'
import { isInTheWay } from './judging.ts'

/**
 * What a draft becomes: itself, when the event says nothing of its fields; `lost`, when the event has put another value in
 * the place of what its deltas are meant for; `moot`, when nothing of it is left to do.
 */
export type Rebased = Draft | 'lost' | 'moot'

/**
 * `drafts` are all that is pending of the event's object, oldest first, on the tape right before the event. Gives what
 * becomes of them, and what of the event's deltas shows on top of them. `me` is the client whose drafts they are.
 */
export function rebase(
  drafts: readonly Draft[],
  event: TapeEvent,
  me: string,
): { readonly drafts: readonly Rebased[]; readonly shows: FieldDeltas } {
  const passing = new Passing(event, standsFirst(event, me))
  return { drafts: drafts.map((draft) => passing.through(draft)), shows: passing.deltas }
}

/**
 * Those of the later drafts of an object that lie on one which will not be: without its insert an object is not there to be
 * written to, until another insert makes a new beginning, and deltas lie on what was there.
 */
export function dependsOn<T extends { readonly draft: Draft }>({ type, values, deltas }: Draft, later: readonly T[]): readonly T[] {
  if (type === 'insert') {
    const reborn = later.findIndex(({ draft }) => draft.type === 'insert')
    return reborn < 0 ? later : later.slice(0, reborn)
  }
  const fields = new Set([...Object.keys(values ?? {}), ...Object.keys(deltas ?? {})])
  return later.filter(({ draft }) => {
    if (draft.type !== 'update') fields.clear()
    for (const field of Object.keys(draft.values ?? {})) fields.delete(field)
    const own = Object.keys(draft.deltas ?? {})
    if (!own.some((field) => fields.has(field))) return false
    for (const field of own) fields.add(field)
    return true
  })
}

/** What of an event still shows above the drafts that it has passed. */
class Passing {
  readonly #splices = new Map<string, Splices>()
  /** Fields whose value is another one; all of them after an insert or a delete. */
  readonly #replaced: Set<string>
  #isAllReplaced: boolean
  /** Fields that a draft has given a value of its own, whatever was there. */
  readonly #covered = new Set<string>()
  readonly #event: TapeEvent
  /** Whether what the event puts in stands before what a draft puts in at the same place. */
  readonly #isFirst: boolean

  constructor(event: TapeEvent, isFirst: boolean) {
    const { type, values = {}, deltas = {} } = event
    this.#event = event
    this.#isFirst = isFirst
    this.#isAllReplaced = type !== 'update'
    this.#replaced = new Set(Object.keys(values))
    for (const [field, list] of Object.entries(deltas)) this.#splices.set(field, readDeltas(list))
  }

  /** What has come through. */
  get deltas(): FieldDeltas {
    const deltas: Record<string, Deltas> = {}
    for (const [field, splices] of this.#splices) if (splices.length > 0) deltas[field] = writeDeltas(splices)
    return deltas
  }

  through(draft: Draft): Rebased {
    const { type, values = {}, deltas = {} } = draft
    if (type !== 'update') {
      // Whatever comes behind lies on this alone.
      this.#isAllReplaced = false
      this.#replaced.clear()
      this.#splices.clear()
      return draft
    }
    for (const field of Object.keys(values)) this.#cover(field)
    const fields = Object.keys(deltas)
    // Deltas with a precondition of their own want to be refused rather than taken over what others did.
    const isStopped = draft.expect !== undefined && fields.length > 0 && isInTheWay(draft, this.#event)
    if (isStopped || fields.some((field) => this.#isReplaced(field))) {
      // What lies on it falls with it.
      for (const field of fields) this.#replaced.add(field)
      return 'lost'
    }
    return fields.some((field) => this.#splices.has(field)) ? this.#move(draft, deltas) : draft
  }

  #move(draft: Draft, deltas: FieldDeltas): Rebased {
    const moved: Record<string, Deltas> = {}
    for (const [field, list] of Object.entries(deltas)) {
      const own = readDeltas(list)
      const others = this.#splices.get(field) ?? []
      this.#splices.set(field, transform(others, own, this.#isFirst ? 'earlier' : 'later'))
      const rest = transform(own, others, this.#isFirst ? 'later' : 'earlier')
      if (rest.length > 0) moved[field] = writeDeltas(rest)
    }
    const { deltas: _, ...plain } = draft
    if (Object.keys(moved).length > 0) return { ...plain, deltas: moved }
    return draft.values === undefined ? 'moot' : plain
  }

  #isReplaced(field: string): boolean {
    return this.#replaced.has(field) || (this.#isAllReplaced && !this.#covered.has(field))
  }

  #cover(field: string): void {
    this.#splices.delete(field)
    this.#replaced.delete(field)
    this.#covered.add(field)
  }
}
