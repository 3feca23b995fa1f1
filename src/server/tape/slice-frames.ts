/** Slices as frames of the live socket that nobody has asked for: text, as all listeners get the same. */
import type { SeqRanges } from '../../protocol/seq-ranges.ts'

interface SliceHead {
  readonly epoch: string | null
  readonly latestSeq: number
  readonly mark?: string | undefined
  readonly closed?: true | undefined
  readonly covers: SeqRanges
  readonly own?: SeqRanges | undefined
}

/** `lines`: the JSON of the events, joined by `,\n`. Without any it says how far the tape goes, and nothing of what is on it. */
export function sliceFrame({ epoch, latestSeq, mark, closed, covers, own }: SliceHead, lines = ''): string {
  const head = JSON.stringify({ type: 'slice', epoch, latestSeq, mark, closed, covers, own })
  return `${head.slice(0, -1)},"events":[\n${lines}]}`
}
