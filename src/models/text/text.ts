/**
 * A text for everybody, edited by splices. It is there as soon as something is written to it. Edits change nothing
 * themselves: they vend drafts, and the text changes when those come back through `apply`.
 *
 *   events ─► in order, up to the first hole ─► text on the tape ─┐
 *   pending drafts, taken over what others did ─► on top of it ───┴─► what shows ─► tracked places, listeners
 */
import type { ApplyContext, ModelReconciler, OutboundEventReceiver } from '../../client/reconciler.ts'
import {
  type Change,
  composeAll,
  type Draft,
  diff,
  movePlace,
  Refusal,
  type Splices,
  type TapeEvent,
  writeDeltas,
} from '../../protocol/index.ts'
import { callAll } from '../call-all.ts'
import { cheapest, portionsOf } from './portions.ts'
import { type Shift, ShownText } from './shown-text.ts'
import { type TextChange, type TextOptions, type TrackedRange, textUnitsMax } from './text-options.ts'

export class Text implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly collections: readonly string[]
  readonly #object: Pick<Change, 'collection' | 'identifier'>
  readonly #field: string
  readonly #version: number
  readonly #shown: ShownText
  readonly #listeners = new Set<(change: TextChange) => void>()
  readonly #tracked = new Set<Tracked>()
  #vended: Splices<string> | undefined
  #client = ''

  constructor(collection: string, { identifier = 'text', field = 'text', version = 1, onProblem }: TextOptions = {}) {
    this.collections = [collection]
    this.#object = { collection, identifier }
    this.#field = field
    this.#version = version
    this.#shown = new ShownText(field, (event) => onProblem?.({ type: 'misfit', event }))
  }

  /** The same string until it changes. */
  get value(): string {
    return this.#shown.content.toString()
  }

  /** In UTF-16 units. */
  get length(): number {
    return this.#shown.content.length
  }

  slice(from: number, to = this.length): string {
    return this.#shown.content.slice(from, to)
  }

  /** Whether something of it is on no tape yet. */
  get isPending(): boolean {
    return this.#shown.isPending
  }

  /** Whether what the client has kept of it is known, so that it can be edited. */
  get isReady(): boolean {
    return this.#client !== ''
  }

  /** Calls `listener` once after each run that changed what shows or made it ready, until the function that it gives is called. */
  readonly subscribe = (listener: (change: TextChange) => void): (() => void) => {
    // The same function may listen twice.
    const own = (change: TextChange) => listener(change)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /**
   * Takes `removed` units away and puts `inserted` in their place. Throws a RangeError for what is not within the text,
   * cuts a surrogate pair or makes it too long, a `Refusal` (`lone-surrogate`) for half a pair put in, and an Error while
   * it is not attached or not ready; then nothing has happened.
   */
  splice(offset: number, removed: number, inserted = ''): void {
    this.edit([{ offset, removed, inserted }])
  }

  /** Several splices at once, rising and apart; all offsets are those of the text as it is. Throws like `splice`. */
  edit(splices: Splices<string>): void {
    const checked = this.#checked(splices)
    for (const portion of portionsOf(cheapest(checked, (from, to) => this.slice(from, to)))) this.#vend(portion)
  }

  /** Makes it this text, by the splices that lead there. Throws like `splice`. */
  set(text: string): void {
    this.edit(diff(this.value, text))
  }

  /** Follows a selection, or with one place a cursor, while the text changes. */
  track(from: number, to = from): TrackedRange {
    const tracked = new Tracked(from, to, () => void this.#tracked.delete(tracked))
    this.#tracked.add(tracked)
    return tracked
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[], { client, holes }: ApplyContext): void {
    const wasReady = this.isReady
    this.#client = client
    const vended = this.#vended
    this.#vended = undefined
    const shift = this.#shown.take({
      events: events.filter((event) => this.#isOf(event)),
      drafts: pending.filter((draft) => this.#isOf(draft) && this.#concerns(draft)),
      client,
      end: holes[0]?.[0] ?? Number.POSITIVE_INFINITY,
      vended,
    })
    if (shift.changes.length > 0 || this.isReady !== wasReady) this.#tell(shift)
  }

  reset(): void {
    const { length } = this
    this.#shown.reset()
    if (length > 0) this.#tell({ changes: [[{ offset: 0, removed: length, inserted: undefined }]], isOwn: false })
  }

  #isOf({ collection, identifier }: Pick<Change, 'collection' | 'identifier'>): boolean {
    return collection === this.#object.collection && identifier === this.#object.identifier
  }

  #concerns({ type, values = {}, deltas = {} }: Draft): boolean {
    return type !== 'update' || Object.hasOwn(values, this.#field) || Object.hasOwn(deltas, this.#field)
  }

  #tell({ changes, isOwn }: Shift): void {
    if (this.#listeners.size === 0 && this.#tracked.size === 0) return
    const splices = composeAll(changes)
    for (const tracked of this.#tracked) tracked.move(splices)
    callAll(Array.from(this.#listeners, (listener) => () => listener({ splices, isOwn })))
  }

  #vend(splices: Splices<string>): void {
    const version = this.#version === 1 ? {} : { version: this.#version }
    this.#vended = splices
    try {
      this.receiver?.didCreateDraft({ type: 'update', ...this.#object, ...version, deltas: { [this.#field]: writeDeltas(splices) } })
    } finally {
      this.#vended = undefined
    }
  }

  /** The splices that do something. */
  #checked(splices: Splices<string>): Splices<string> {
    if (this.receiver === undefined) throw new Error('Attach the text to a stream first: stream.attach(text).')
    if (!this.isReady) throw new Error('The stream is still reading its store: wait until the text is ready (isReady, subscribe).')
    const { content } = this.#shown
    let { length } = content
    let end = 0
    for (const { offset, removed, inserted = '' } of splices) {
      if (
        !Number.isSafeInteger(offset) ||
        !Number.isSafeInteger(removed) ||
        removed < 0 ||
        offset < end ||
        offset + removed > content.length
      ) {
        throw new RangeError(
          `A splice of ${removed} units at ${offset} is not within the text, which has ${content.length}, or not behind the one before it.`,
        )
      }
      if (content.cutsPair(offset) || content.cutsPair(offset + removed)) {
        throw new RangeError(`A splice of ${removed} units at ${offset} would cut a surrogate pair.`)
      }
      if (!inserted.isWellFormed()) throw new Refusal('lone-surrogate', { detail: 'Half a surrogate pair would be put in.' })
      end = offset + removed
      length += inserted.length - removed
    }
    if (length > textUnitsMax) throw new RangeError(`A text has at most ${textUnitsMax} units, and this would have ${length}.`)
    return splices
      .filter(({ removed, inserted = '' }) => removed > 0 || inserted !== '')
      .map(({ offset, removed, inserted }) => ({ offset, removed, inserted: inserted === '' ? undefined : inserted }))
  }
}

class Tracked implements TrackedRange {
  #from: number
  #to: number
  readonly #onRelease: () => void

  constructor(from: number, to: number, onRelease: () => void) {
    this.#from = from
    this.#to = to
    this.#onRelease = onRelease
  }

  get from(): number {
    return this.#from
  }

  get to(): number {
    return this.#to
  }

  release(): void {
    this.#onRelease()
  }

  move(splices: Splices): void {
    const isCursor = this.#from === this.#to
    this.#from = movePlace(this.#from, splices)
    this.#to = isCursor ? this.#from : movePlace(this.#to, splices)
  }
}
