/**
 * A text, or bytes, for everybody, edited by splices. It is there as soon as something is written to it. Edits change
 * nothing themselves: they vend drafts, and the content changes when those come back through `apply`.
 *
 *   events ─► in order, up to the first hole ─► what is on the tape ─┐
 *   pending drafts, taken over what others did ─► on top of it ──────┴─► what shows ─► tracked places, listeners
 */
import type { ApplyContext, ModelReconciler, OutboundEventReceiver } from '../../client/reconciler.ts'
import {
  type Change,
  composeAll,
  type Draft,
  diff,
  Refusal,
  readDeltas,
  type Splices,
  type TapeEvent,
  writeDeltas,
} from '../../protocol/index.ts'
import { callAll } from '../call-all.ts'
import { cheapest, type PortionBounds, portionsOf } from '../portions.ts'
import { type Shift, ShownContent } from './shown-content.ts'
import type { SplicedChange, SplicedOptions, TrackedRange } from './spliced-options.ts'
import { Tracked } from './tracked.ts'

/** What tells one kind of content from the other. */
export interface ContentKind<C extends string | Uint8Array> {
  readonly empty: C
  /** For people. */
  readonly name: 'text' | 'content'
  readonly unitsMax: number
  readonly portions: PortionBounds
}

export class Spliced<C extends string | Uint8Array> implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly collections: readonly string[]
  readonly #object: Pick<Change, 'collection' | 'identifier'>
  readonly #field: string
  readonly #version: number
  readonly #kind: ContentKind<C>
  readonly #shown: ShownContent<C>
  readonly #listeners = new Set<(change: SplicedChange<C>) => void>()
  readonly #tracked = new Set<Tracked>()
  #vended: readonly Splices<C>[] = []
  #isReady = false

  constructor(collection: string, options: SplicedOptions & { readonly identifier: string; readonly field: string }, kind: ContentKind<C>) {
    const { identifier, field, version = 1, onProblem } = options
    this.collections = [collection]
    this.#object = { collection, identifier }
    this.#field = field
    this.#version = version
    this.#kind = kind
    this.#shown = new ShownContent(field, kind.empty, (event) => onProblem?.({ type: 'misfit', event }))
  }

  /** The same value until it changes; not to be changed itself. */
  get value(): C {
    return this.#shown.content.whole
  }

  /** In UTF-16 units, or bytes. */
  get length(): number {
    return this.#shown.content.length
  }

  /** As the value's own `slice`, without making the whole of it. */
  slice(from: number, to = this.length): C {
    const { length } = this
    const placeOf = (place: number) => Math.trunc(place < 0 ? Math.max(0, length + place) : Math.min(place, length))
    return this.#shown.content.slice(placeOf(from), placeOf(to))
  }

  /** Whether something of it is on no tape yet. */
  get isPending(): boolean {
    return this.#shown.isPending
  }

  /** Whether it shows all that its client has seen, so that it can be edited: the store has been read, and nothing is held back. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Calls `listener` once after each run that changed what shows or made it ready, until the function that it gives is called. */
  readonly subscribe = (listener: (change: SplicedChange<C>) => void): (() => void) => {
    // The same function may listen twice.
    const own = (change: SplicedChange<C>) => listener(change)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /**
   * Takes `removed` units away and puts `inserted` in their place. Throws a RangeError for what is not within the content,
   * cuts a surrogate pair or makes it too long, a `Refusal` (`lone-surrogate`) for half a pair put in, and an Error while
   * it is not attached or not ready; then nothing has happened.
   */
  splice(offset: number, removed: number, inserted: C = this.#kind.empty): void {
    this.edit([{ offset, removed, inserted }])
  }

  /** Several splices at once, rising and apart; all offsets are those of the content as it is. Throws like `splice`. */
  edit(splices: Splices<C>): void {
    // As they travel, those that touch become one.
    const checked = readDeltas(writeDeltas(this.#checked(splices))) as Splices<C>
    this.#vend(
      portionsOf(
        cheapest(checked, (from, to) => this.slice(from, to)),
        this.#kind.portions,
      ),
    )
  }

  /** Makes it this, by the splices that lead there. Throws like `splice`. */
  set(content: C): void {
    this.edit(diff(this.value, content))
  }

  /** Follows a selection, or with one place a cursor, while the content changes. */
  track(from: number, to = from): TrackedRange {
    const tracked = new Tracked(from, to, () => void this.#tracked.delete(tracked))
    this.#tracked.add(tracked)
    return tracked
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[], { client, holes, isHeldBack = false }: ApplyContext): void {
    const wasReady = this.isReady
    this.#isReady = client !== '' && !isHeldBack
    const vended = this.#vended
    this.#vended = []
    const shift = this.#shown.take({
      events: events.filter((event) => this.#isOf(event)),
      drafts: pending.filter((draft) => this.#isOf(draft) && this.#concerns(draft)),
      client,
      end: holes[0]?.[0] ?? Number.POSITIVE_INFINITY,
      vended,
    })
    this.#tell(shift, this.isReady !== wasReady)
  }

  reset(isNarrowed = false): void {
    const { length } = this
    this.#shown.reset(isNarrowed)
    if (length > 0 && !isNarrowed) this.#tell({ changes: [[{ offset: 0, removed: length, inserted: undefined }]], isOwn: false })
  }

  #isOf({ collection, identifier }: Pick<Change, 'collection' | 'identifier'>): boolean {
    return collection === this.#object.collection && identifier === this.#object.identifier
  }

  #concerns({ type, values = {}, deltas = {} }: Draft): boolean {
    return type !== 'update' || Object.hasOwn(values, this.#field) || Object.hasOwn(deltas, this.#field)
  }

  #tell({ changes, isOwn }: Shift<C>, isNews = false): void {
    if (this.#listeners.size === 0 && this.#tracked.size === 0) return
    const splices = composeAll(changes)
    if (splices.length === 0 && !isNews) return
    for (const tracked of this.#tracked) tracked.move(splices)
    callAll(Array.from(this.#listeners, (listener) => () => listener({ splices, isOwn })))
  }

  /** Portions of one edit, each meant for what those before it leave: they go together, or not at all, if the receiver can do that. */
  #vend(portions: readonly Splices<C>[]): void {
    const { receiver } = this
    const version = this.#version === 1 ? {} : { version: this.#version }
    const changes = portions.map((portion): Change => {
      return { type: 'update', ...this.#object, ...version, deltas: { [this.#field]: writeDeltas(portion) } }
    })
    try {
      if (changes.length > 1 && receiver?.didCreateDrafts !== undefined) {
        this.#vended = portions
        return receiver.didCreateDrafts(changes)
      }
      changes.forEach((change, index) => {
        this.#vended = portions.slice(index, index + 1)
        receiver?.didCreateDraft(change)
      })
    } finally {
      this.#vended = []
    }
  }

  /** The splices that do something. */
  #checked(splices: Splices<C>): Splices<C> {
    const { name, unitsMax, empty } = this.#kind
    if (this.receiver === undefined) throw new Error(`Attach the ${name} to a stream first: stream.attach(…).`)
    if (!this.isReady)
      throw new Error(`The ${name} does not show yet what it is to be edited on: wait until it is ready (isReady, subscribe).`)
    const { content } = this.#shown
    let { length } = content
    let end = 0
    for (const { offset, removed, inserted = empty } of splices) {
      if (
        !Number.isSafeInteger(offset) ||
        !Number.isSafeInteger(removed) ||
        removed < 0 ||
        offset < end ||
        offset + removed > content.length
      ) {
        throw new RangeError(
          `A splice of ${removed} units at ${offset} is not within the ${name}, which has ${content.length}, or not behind the one before it.`,
        )
      }
      if (content.cutsPair(offset) || content.cutsPair(offset + removed)) {
        throw new RangeError(`A splice of ${removed} units at ${offset} would cut a surrogate pair.`)
      }
      if (typeof inserted === 'string' && !inserted.isWellFormed())
        throw new Refusal('lone-surrogate', { detail: 'Half a surrogate pair would be put in.' })
      end = offset + removed
      length += inserted.length - removed
    }
    if (length > unitsMax) throw new RangeError(`A ${name} has at most ${unitsMax} units, and this would have ${length}.`)
    return splices
      .filter(({ removed, inserted = empty }) => removed > 0 || inserted.length > 0)
      .map(({ offset, removed, inserted }) => ({ offset, removed, inserted: inserted?.length === 0 ? undefined : inserted }))
  }
}
