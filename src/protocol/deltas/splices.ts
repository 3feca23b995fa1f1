/**
 * Splices: how a content becomes another one. All offsets are those of the content as it was, rising and apart; at its
 * offset a splice takes `removed` units away and puts `inserted` in their place. Contents are text, in UTF-16 units,
 * bytes, or lists.
 *
 *   content        T h e   c a t   s a t           splices   { offset: 4, removed: 3, inserted: 'dog' }
 *                          └─┬─┘       └─►                   { offset: 11, removed: 0, inserted: ' down' }
 *
 * `compose` makes one change of two that follow each other, `transform` takes a change to where another one has gone
 * first, `invert` takes it back: the operational transformation of one sequence, with a server that orders all changes
 * (Ellis and Gibbs, Concurrency Control in Groupware Systems, 1989; Nichols et al., High-Latency, Low-Bandwidth Windowing
 * in the Jupiter Collaboration System, 1995).
 */
import type { Json } from '../event.ts'

export type Content = string | Uint8Array | readonly Json[]

export interface Splice<C extends Content = Content> {
  readonly offset: number
  readonly removed: number
  /** Undefined when nothing is put in. */
  readonly inserted: C | undefined
}

export type Splices<C extends Content = Content> = readonly Splice<C>[]

/** The end of what the splices touch: a content has to be at least so long. */
export function reachOf(splices: Splices): number {
  const last = splices.at(-1)
  return last === undefined ? 0 : last.offset + last.removed
}

/** The content after the splices, which must fit it. */
export function splice<C extends Content>(content: C, splices: Splices<C>): C {
  const parts: C[] = []
  let from = 0
  for (const { offset, removed, inserted } of splices) {
    if (offset > from) parts.push(cut(content, from, offset))
    if (inserted !== undefined) parts.push(inserted)
    from = offset + removed
  }
  if (from < content.length) parts.push(cut(content, from, content.length))
  return join(parts, content)
}

/** One change with the effect of both: `second` is meant for what `first` leaves. */
export function compose<C extends Content>(first: Splices<C>, second: Splices<C>): Splices<C> {
  if (first.length === 0) return second
  if (second.length === 0) return first
  const result = new Builder<C>()
  const steps = new Steps(first)
  // In the content between the two.
  let at = 0
  const advance = (to: number, isKept: boolean) => {
    while (at < to) {
      const step = steps.take(to - at)
      if (step.type === 'delete') result.delete(step.length)
      else {
        at += step.length
        if (step.type === 'insert') {
          if (isKept) result.insert(step.inserted)
        } else if (isKept) result.keep(step.length)
        else result.delete(step.length)
      }
    }
  }
  for (const { offset, removed, inserted } of second) {
    advance(offset, true)
    advance(offset + removed, false)
    if (inserted !== undefined) result.insert(inserted)
  }
  for (let step = steps.takeRest(); step !== undefined; step = steps.takeRest()) {
    if (step.type === 'insert') result.insert(step.inserted)
    else if (step.type === 'delete') result.delete(step.length)
    else result.keep(step.length)
  }
  return result.splices
}

/** One change with the effect of all, each meant for what those before it leave. */
export function composeAll<C extends Content>(all: readonly Splices<C>[]): Splices<C> {
  if (all.length <= 2) return all.length === 2 ? compose(all[0] as Splices<C>, all[1] as Splices<C>) : (all[0] ?? [])
  // By halves: a thousand keystrokes are then looked at ten times each, and not a thousand.
  const middle = all.length >>> 1
  return compose(composeAll(all.slice(0, middle)), composeAll(all.slice(middle)))
}

/**
 * The change as it is after `over`, when both were meant for the same content. Where both put something at the same
 * offset, that of the `earlier` one stands first: the one that comes first on the tape.
 */
export function transform<C extends Content>(splices: Splices<C>, over: Splices<C>, as: 'earlier' | 'later'): Splices<C> {
  if (splices.length === 0 || over.length === 0) return splices
  const result = new Builder<C>()
  const steps = new Steps(over)
  // In the content that both were meant for.
  let at = 0
  const advance = (to: number, isKept: boolean) => {
    while (at < to) {
      const step = steps.take(to - at)
      if (step.type === 'insert') {
        result.keep(step.length)
        continue
      }
      at += step.length
      if (step.type === 'delete') continue
      if (isKept) result.keep(step.length)
      else result.delete(step.length)
    }
  }
  for (const { offset, removed, inserted } of splices) {
    advance(offset, true)
    if (as === 'later') for (let length = steps.takeInsert(); length > 0; length = steps.takeInsert()) result.keep(length)
    if (inserted !== undefined) result.insert(inserted)
    advance(offset + removed, false)
  }
  return result.splices
}

/** What takes the splices back: `before` is the content that they were applied to. */
export function invert<C extends Content>(splices: Splices<C>, before: C): Splices<C> {
  let shift = 0
  return splices.map(({ offset, removed, inserted }) => {
    const length = inserted?.length ?? 0
    const inverse = {
      offset: offset + shift,
      removed: length,
      inserted: removed === 0 ? undefined : cut(before, offset, offset + removed),
    }
    shift += length - removed
    return inverse
  })
}

/**
 * Where a place between two units is after the splices. What is put in exactly there comes behind it, or with
 * `leans: 'right'` before it.
 */
export function movePlace(place: number, splices: Splices, leans: 'left' | 'right' = 'left'): number {
  let shift = 0
  for (const { offset, removed, inserted } of splices) {
    const length = inserted?.length ?? 0
    if (offset > place || (offset === place && leans === 'left')) break
    // What it stood in is gone: it stands behind what came instead.
    if (offset + removed > place) return offset + shift + (leans === 'right' || offset < place ? length : 0)
    shift += length - removed
  }
  return place + shift
}

export function cut<C extends Content>(content: C, from: number, to: number): C {
  return content.slice(from, to) as C
}

/** `like` tells the kind of content when there are no parts. */
export function join<C extends Content>(parts: readonly C[], like: C): C {
  if (parts.length === 1) return parts[0] as C
  if (typeof like === 'string') return parts.join('') as C
  if (!(like instanceof Uint8Array)) return (parts as readonly (readonly Json[])[]).flat(1) as Content as C
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts as readonly Uint8Array[]) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole as Content as C
}

type Step<C> =
  | { readonly type: 'keep' | 'delete'; readonly length: number }
  | { readonly type: 'insert'; readonly length: number; readonly inserted: C }

/** Splices as steps over the whole content, without end: what they put in comes before what they take away. */
class Steps<C extends Content> {
  readonly #splices: Splices<C>
  #index = 0
  /** In the content as it was. */
  #at = 0
  #taken = 0

  constructor(splices: Splices<C>) {
    this.#splices = splices
  }

  /** The next step, of at most this length. */
  take(lengthMax: number): Step<C> {
    const next = this.#splices[this.#index]
    if (next === undefined) return { type: 'keep', length: lengthMax }
    const { offset, removed, inserted } = next
    if (this.#at < offset) {
      const length = Math.min(lengthMax, offset - this.#at)
      this.#at += length
      return { type: 'keep', length }
    }
    if (inserted !== undefined && this.#taken < inserted.length) {
      const from = this.#taken
      const length = Math.min(lengthMax, inserted.length - from)
      this.#taken += length
      this.#finish(next)
      return { type: 'insert', length, inserted: length === inserted.length ? inserted : cut(inserted, from, from + length) }
    }
    const length = Math.min(lengthMax, offset + removed - this.#at)
    this.#at += length
    this.#finish(next)
    return { type: 'delete', length }
  }

  /** The length of what is put in right here, 0 when nothing is. */
  takeInsert(): number {
    const next = this.#splices[this.#index]
    const isHere = next?.inserted !== undefined && next.offset === this.#at && this.#taken < next.inserted.length
    return isHere ? this.take(Number.POSITIVE_INFINITY).length : 0
  }

  /** The next step of those that change anything or lie before such; undefined when there are no more. */
  takeRest(): Step<C> | undefined {
    return this.#index < this.#splices.length ? this.take(Number.POSITIVE_INFINITY) : undefined
  }

  #finish({ offset, removed, inserted }: Splice<C>): void {
    if (this.#taken < (inserted?.length ?? 0) || this.#at < offset + removed) return
    this.#index++
    this.#taken = 0
  }
}

/** Gathers steps into splices: those that touch become one. */
class Builder<C extends Content> {
  readonly #splices: Splice<C>[] = []
  #at = 0
  #removed = 0
  #parts: C[] = []

  get splices(): Splices<C> {
    this.#flush()
    return this.#splices
  }

  keep(length: number): void {
    this.#flush()
    this.#at += length
  }

  delete(length: number): void {
    this.#removed += length
  }

  insert(inserted: C): void {
    this.#parts.push(inserted)
  }

  #flush(): void {
    const [first] = this.#parts
    if (this.#removed === 0 && first === undefined) return
    const inserted = first === undefined ? undefined : join(this.#parts, first)
    this.#splices.push({ offset: this.#at, removed: this.#removed, inserted })
    this.#at += this.#removed
    this.#removed = 0
    this.#parts = []
  }
}
