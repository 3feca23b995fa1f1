/**
 * Seals the tape behind its end: cuts a segment, stores it, reads it back, and only then lets its rows go. Killed at any
 * point it begins anew with the same segment; what was stored is found under the same name.
 */
import type { TapeEvent } from '../../protocol/event.ts'
import { foldEvents } from '../../protocol/fold.ts'
import type { SeqRange } from '../../protocol/seq-ranges.ts'
import { parseLines, toLines } from '../tape/lines.ts'
import type { SegmentEntry, TapeRow } from '../tape/tape-storage.ts'
import type { ContentEntry, Contents } from './contents.ts'
import { SegmentPlaces } from './segment-places.ts'

/** What is sealed: see `SealedPast`. */
export interface Sealable {
  /** The oldest rows that may be sealed, and under which epoch. */
  nextSegment(): { readonly row: TapeRow; readonly epoch: string } | undefined
  /** Puts the segment in their place. False when the tape is not what it was. */
  seal(segment: SegmentEntry, epoch: string): boolean
}

/** A folded form that is hardly shorter is not worth its room. */
const foldedShareMax = 0.8

/** An alarm may take 15 minutes: so many take a few seconds, and others have their turn in between. */
const segmentsAtOnce = 64

export class Sealer {
  readonly #tape: Sealable
  readonly #contents: Contents
  readonly #pause: () => Promise<void>

  /** `pause` lets others have their turn. */
  constructor(tape: Sealable, contents: Contents, pause: () => Promise<void>) {
    this.#tape = tape
    this.#contents = contents
    this.#pause = pause
  }

  /** Seals what is due. Resolves to whether there may be more. Rejects when it cannot be stored now. */
  async run(): Promise<boolean> {
    for (let count = 0; count < segmentsAtOnce; count++) {
      const next = this.#tape.nextSegment()
      if (next === undefined) return false
      const segment = await storeSegment(next.row, this.#contents, this.#pause)
      if (!this.#tape.seal(segment, next.epoch)) return true
      await this.#pause()
    }
    return true
  }
}

/** Stores a part of the tape for good, with its places, and with its folded form where that is shorter. `pause` lets others have their turn. */
export async function storeSegment(
  { first, last, body }: TapeRow,
  contents: Contents,
  pause: () => Promise<void> = async () => {},
): Promise<SegmentEntry> {
  const content = new Uint8Array(body)
  const plain = await contents.put(content)
  await pause()
  const events = parseLines(content)
  await pause()
  const places = await contents.put(SegmentPlaces.of(first, events).encode())
  await pause()
  const folded = await storeFolded(events, content.length, [first, last], contents)
  return { first, last, plain, ...(folded === undefined ? {} : { folded }), places }
}

async function storeFolded(
  events: readonly TapeEvent[],
  plainBytes: number,
  range: SeqRange,
  contents: Contents,
): Promise<ContentEntry | undefined> {
  const folded = foldEvents(events, [range])
  // To write them takes longer than to fold them, and a folded event is hardly shorter than a plain one.
  if (folded.length > events.length * foldedShareMax) return undefined
  const content = toLines(folded)
  return content.length <= plainBytes * foldedShareMax ? contents.put(content) : undefined
}
