/** Looks through the past of a tape for the indexes that were declared later, page by page: killed, it goes on behind the last. */

import { parseLines } from '../tape/lines.ts'
import type { TapeReads } from '../tape/tape-reads.ts'
import type { Indexes, IndexStorage } from './indexes.ts'

/** What is indexed: see `StreamCore`. */
export interface Indexed {
  readonly epoch: string | undefined
  readonly indexes: Indexes
  readonly reads: Pick<TapeReads, 'read'>
  noteMembers: IndexStorage['noteMembers']
}

const pageBytes = 1024 * 1024
/** So many pages are looked through before the alarm is asked for again. */
const pagesAtOnce = 64

export class IndexBuilder {
  readonly #tape: Indexed
  readonly #pause: () => Promise<void>

  constructor(tape: Indexed, pause: () => Promise<void>) {
    this.#tape = tape
    this.#pause = pause
  }

  /** Resolves to whether there is more to do. Rejects when some of the tape cannot be read now. */
  async run(): Promise<boolean> {
    for (let count = 0; count < pagesAtOnce; count++) {
      const { epoch, indexes } = this.#tape
      const index = epoch === undefined ? undefined : indexes.all.find(({ builtTo, declaredAt }) => builtTo < declaredAt)
      if (index === undefined) return false
      const { covers, pieces, isCutShort } = await this.#tape.reads.read([[index.builtTo + 1, index.declaredAt]], { bytesMax: pageBytes })
      const [first] = covers
      // What was redacted meanwhile is looked for anew.
      if (this.#tape.epoch !== epoch) continue
      if (first?.[0] !== index.builtTo + 1 || (covers.length > 1 && isCutShort))
        throw new Error('A part of the tape cannot be indexed now.')
      this.#tape.noteMembers(indexes.membersOf(pieces.flatMap(parseLines), index.id), { index: index.id, to: first[1] })
      await this.#pause()
    }
    return true
  }
}
