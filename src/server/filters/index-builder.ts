/**
 * Looks through the past of a tape for the indexes that were declared later, page by page: killed, it goes on behind the last.
 * What several lack is read once for all of them.
 */
import { Refusal } from '../../protocol/codes.ts'
import { parseLines } from '../tape/lines.ts'
import type { TapeReads } from '../tape/tape-reads.ts'
import type { Index, Indexes, IndexStorage } from './indexes.ts'

/** What is indexed: see `StreamCore`. */
export interface Indexed {
  readonly epoch: string | undefined
  readonly indexes: Indexes
  readonly reads: Pick<TapeReads, 'read'>
  noteMembers: IndexStorage['noteMembers']
}

/** For one index; less for each of several, as what they note of it would hold up others. */
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

  /** Resolves to whether there is more to do. Rejects with `unavailable` when some of the tape cannot be read now. */
  async run(): Promise<boolean> {
    for (let count = 0; count < pagesAtOnce; count++) {
      const { epoch, indexes } = this.#tape
      const next = epoch === undefined ? undefined : nextStep(indexes.all)
      if (next === undefined) return false
      const { from, to, lacking } = next
      const { covers, pieces, isCutShort } = await this.#tape.reads.read([[from, to]], { bytesMax: pageBytes / lacking.size })
      const [first] = covers
      // What was redacted meanwhile is looked for anew.
      if (this.#tape.epoch !== epoch) continue
      if (first?.[0] !== from || (covers.length > 1 && isCutShort))
        throw new Refusal('unavailable', { detail: `What comes from ${from} on cannot be indexed now.` })
      this.#tape.noteMembers(indexes.membersOf(pieces.flatMap(parseLines), lacking), { indexes: [...lacking], to: first[1] })
      await this.#pause()
    }
    return true
  }
}

/** What those lack that have come least far, up to where one of them is done, or has come as far as others. */
function nextStep(
  indexes: readonly Index[],
): { readonly from: number; readonly to: number; readonly lacking: ReadonlySet<number> } | undefined {
  const unfinished = indexes.filter(({ builtTo, declaredAt }) => builtTo < declaredAt)
  if (unfinished.length === 0) return undefined
  const least = Math.min(...unfinished.map(({ builtTo }) => builtTo))
  const ends = unfinished.map(({ builtTo, declaredAt }) => (builtTo === least ? declaredAt : builtTo))
  const lacking = new Set(unfinished.flatMap(({ id, builtTo }) => (builtTo === least ? [id] : [])))
  return { from: least + 1, to: Math.min(...ends), lacking }
}
