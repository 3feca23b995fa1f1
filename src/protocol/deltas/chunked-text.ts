/**
 * A text that is changed in many places, one after the other: made of chunks, so that an edit costs as much as a chunk
 * and not as the text. Edits near each other are found at once, as the place of the last one is remembered.
 */
import { cutsPair } from './delta.ts'
import type { Splices } from './splices.ts'

/** Copying so much is quicker than looking for less. */
const chunkUnits = 1024
const chunkUnitsMax = 2 * chunkUnits

export class ChunkedText {
  #chunks: string[] = []
  #length = 0
  /** A chunk, and where it begins. */
  #at = { index: 0, start: 0 }
  #whole: string | undefined = ''

  constructor(text = '') {
    this.set(text)
  }

  get length(): number {
    return this.#length
  }

  /** Another text that begins as this one: it costs a pointer for each chunk. */
  copy(): ChunkedText {
    const copy = new ChunkedText()
    copy.#chunks = this.#chunks.slice()
    copy.#length = this.#length
    copy.#at = this.#at
    copy.#whole = this.#whole
    return copy
  }

  set(text: string): void {
    this.#chunks = chunksOf(text)
    this.#length = text.length
    this.#at = { index: 0, start: 0 }
    this.#whole = text
  }

  /** The whole text: the same string until something changes. */
  toString(): string {
    this.#whole ??= this.#chunks.join('')
    return this.#whole
  }

  /** Of places within the text. */
  slice(from: number, to: number): string {
    if (this.#whole !== undefined) return this.#whole.slice(from, to)
    let text = ''
    for (let { index, start } = this.#find(from); start < to && index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index] as string
      text += chunk.slice(Math.max(0, from - start), to - start)
      start += chunk.length
    }
    return text
  }

  /** Whether the splices are of text, within this one, and cut no surrogate pair. */
  fits(splices: Splices): splices is Splices<string> {
    const last = splices.at(-1)
    if (last !== undefined && last.offset + last.removed > this.#length) return false
    return splices.every(({ offset, removed, inserted }) => {
      const isText = inserted === undefined || typeof inserted === 'string'
      return isText && !this.cutsPair(offset) && (removed === 0 || !this.cutsPair(offset + removed))
    })
  }

  cutsPair(place: number): boolean {
    if (place === 0 || place >= this.#length) return false
    const { index, start } = this.#find(place)
    const local = place - start
    const chunk = this.#chunks[index] as string
    return cutsPair(local === 0 ? (this.#chunks[index - 1] ?? '').slice(-1) + chunk[0] : chunk.slice(local - 1, local + 1), 1)
  }

  /** The splices must fit. */
  splice(splices: Splices<string>): void {
    let shift = 0
    for (const { offset, removed, inserted = '' } of splices) {
      this.#replace(offset + shift, removed, inserted)
      shift += inserted.length - removed
    }
    if (splices.length > 0) this.#whole = undefined
  }

  #replace(offset: number, removed: number, inserted: string): void {
    const { index, start } = this.#find(offset)
    const chunk = this.#chunks[index] ?? ''
    const local = offset - start
    this.#length += inserted.length - removed
    if (local + removed <= chunk.length && chunk.length + inserted.length - removed <= chunkUnitsMax) {
      this.#chunks[index] = chunk.slice(0, local) + inserted + chunk.slice(local + removed)
      return
    }
    let last = index
    let end = local + removed
    for (let length = chunk.length; end > length; length = (this.#chunks[last] ?? '').length) {
      end -= length
      last++
    }
    const rest = (this.#chunks[last] ?? '').slice(end)
    this.#chunks.splice(index, last - index + 1, ...chunksOf(chunk.slice(0, local) + inserted + rest))
  }

  /** The chunk that holds the unit at `offset`, or the last one. */
  #find(offset: number): { readonly index: number; readonly start: number } {
    let { index, start } = this.#at
    if (offset < start / 2) [index, start] = [0, 0]
    while (start > offset) start -= (this.#chunks[--index] as string).length
    for (let chunk = this.#chunks[index]; index < this.#chunks.length - 1 && chunk !== undefined; chunk = this.#chunks[index]) {
      if (start + chunk.length > offset) break
      start += chunk.length
      index++
    }
    this.#at = { index, start }
    return this.#at
  }
}

function chunksOf(text: string): string[] {
  if (text.length <= chunkUnitsMax) return text === '' ? [] : [text]
  const chunks: string[] = []
  for (let from = 0; from < text.length; from += chunkUnits) chunks.push(text.slice(from, from + chunkUnits))
  return chunks
}
