/**
 * A text, or bytes, changed in many places, one after the other: made of chunks, so that an edit costs as much as a chunk
 * and not as the whole. Edits near each other are found at once, as the place of the last one is remembered.
 */
import { cutsPair, isSameKind } from './delta.ts'
import { cut, join, type Splices } from './splices.ts'

/** Copying so much is quicker than looking for less. */
const chunkUnits = 1024
const chunkUnitsMax = 2 * chunkUnits

export class ChunkedContent<C extends string | Uint8Array> {
  /** Of this kind is what it holds. */
  readonly #empty: C
  #chunks: C[] = []
  #length = 0
  /** A chunk, and where it begins. */
  #at = { index: 0, start: 0 }
  #whole: C | undefined

  constructor(content: C) {
    this.#empty = cut(content, 0, 0)
    this.set(content)
  }

  get length(): number {
    return this.#length
  }

  /** Another one that begins as this: it costs a pointer for each chunk. */
  copy(): ChunkedContent<C> {
    const copy = new ChunkedContent<C>(this.#empty)
    copy.#chunks = this.#chunks.slice()
    copy.#length = this.#length
    copy.#at = this.#at
    copy.#whole = this.#whole
    return copy
  }

  set(content: C): void {
    this.#chunks = chunksOf(content)
    this.#length = content.length
    this.#at = { index: 0, start: 0 }
    this.#whole = content
  }

  clear(): void {
    this.set(this.#empty)
  }

  /** The whole content: the same value until something changes. */
  get whole(): C {
    this.#whole ??= join(this.#chunks, this.#empty)
    return this.#whole
  }

  /** Of places within the content. */
  slice(from: number, to: number): C {
    if (this.#whole !== undefined) return cut(this.#whole, from, to)
    const parts: C[] = []
    for (let { index, start } = this.#find(from); start < to && index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index] as C
      parts.push(cut(chunk, Math.max(0, from - start), to - start))
      start += chunk.length
    }
    return join(parts, this.#empty)
  }

  /** Whether the splices are of the content's kind, within it, and cut no surrogate pair. */
  fits(splices: Splices): splices is Splices<C> {
    const last = splices.at(-1)
    if (last !== undefined && last.offset + last.removed > this.#length) return false
    return splices.every(({ offset, removed, inserted }) => {
      const isOfKind = inserted === undefined || isSameKind(inserted, this.#empty)
      return isOfKind && !this.cutsPair(offset) && (removed === 0 || !this.cutsPair(offset + removed))
    })
  }

  cutsPair(place: number): boolean {
    if (typeof this.#empty !== 'string' || place === 0 || place >= this.#length) return false
    const { index, start } = this.#find(place)
    const local = place - start
    const chunk = this.#chunks[index] as string
    const before = local === 0 ? ((this.#chunks[index - 1] ?? '') as string).slice(-1) : chunk[local - 1]
    return cutsPair(`${before}${chunk[local]}`, 1)
  }

  /** The splices must fit. */
  splice(splices: Splices<C>): void {
    let shift = 0
    for (const { offset, removed, inserted = this.#empty } of splices) {
      this.#replace(offset + shift, removed, inserted)
      shift += inserted.length - removed
    }
    if (splices.length > 0) this.#whole = undefined
  }

  #replace(offset: number, removed: number, inserted: C): void {
    const { index, start } = this.#find(offset)
    const chunk = this.#chunks[index] ?? this.#empty
    const local = offset - start
    this.#length += inserted.length - removed
    if (local + removed <= chunk.length && chunk.length + inserted.length - removed <= chunkUnitsMax) {
      this.#chunks[index] = glue(cut(chunk, 0, local), inserted, cut(chunk, local + removed, chunk.length))
      return
    }
    let last = index
    let end = local + removed
    for (let length = chunk.length; end > length; length = (this.#chunks[last] ?? this.#empty).length) {
      end -= length
      last++
    }
    const ending = this.#chunks[last] ?? this.#empty
    const rest = cut(ending, end, ending.length)
    this.#chunks.splice(index, last - index + 1, ...chunksOf(glue(cut(chunk, 0, local), inserted, rest)))
  }

  /** The chunk that holds the unit at `offset`, or the last one. */
  #find(offset: number): { readonly index: number; readonly start: number } {
    let { index, start } = this.#at
    if (offset < start / 2) [index, start] = [0, 0]
    while (start > offset) start -= (this.#chunks[--index] as C).length
    for (let chunk = this.#chunks[index]; index < this.#chunks.length - 1 && chunk !== undefined; chunk = this.#chunks[index]) {
      if (start + chunk.length > offset) break
      start += chunk.length
      index++
    }
    this.#at = { index, start }
    return this.#at
  }
}

/** Each edit of a text does so: an array for it would take as long as all the rest. */
function glue<C extends string | Uint8Array>(before: C, inserted: C, after: C): C {
  return typeof before === 'string' ? ((before + inserted + after) as C) : join([before, inserted, after], before)
}

function chunksOf<C extends string | Uint8Array>(content: C): C[] {
  if (content.length <= chunkUnitsMax) return content.length === 0 ? [] : [content]
  const chunks: C[] = []
  for (let from = 0; from < content.length; from += chunkUnits) chunks.push(cut(content, from, Math.min(from + chunkUnits, content.length)))
  return chunks
}
