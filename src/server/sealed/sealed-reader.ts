/** Reads the tape where it may be sealed: from segments first, and from rows where those begin. */

import { Refusal } from '../../protocol/codes.ts'
import type { SeqRanges } from '../../protocol/seq-ranges.ts'
import { type Page, type PageBounds, PageDraft } from '../tape/slice-reader.ts'
import type { SegmentEntry, TapeRow, TapeStorage } from '../tape/tape-storage.ts'
import type { Contents } from './contents.ts'

type Storage = Pick<TapeStorage, 'rowsFrom' | 'segmentsFrom'>

/** Like `readPage`. Where a segment cannot be read, the rest comes; rejects when nothing else was asked for. */
export async function readSealedPage(storage: Storage, contents: Contents, ranges: SeqRanges, bounds: PageBounds): Promise<Page> {
  const draft = new PageDraft(ranges, bounds)
  let refusal: Refusal | undefined
  for (let seq = draft.next; seq !== undefined; seq = draft.next) {
    // Rows may have been sealed while a segment was awaited: each time storage is asked anew.
    const segment = segmentOf(storage, seq)
    if (segment === undefined) {
      draft.take(rowOf(storage, seq))
      continue
    }
    try {
      // A bucket that is not reached is not tried for each segment.
      if (refusal?.code === 'unavailable') throw refusal
      draft.take(await readSegment(contents, segment))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refusal = error
      draft.skipTo(segment.last)
    }
  }
  if (refusal !== undefined && draft.page.covers.length === 0) throw refusal
  return draft.page
}

/** The segment that holds a seq. */
export function segmentOf(storage: Pick<TapeStorage, 'segmentsFrom'>, seq: number): SegmentEntry | undefined {
  const { value, done } = storage.segmentsFrom(seq).next()
  return done !== true && value.first <= seq ? value : undefined
}

async function readSegment(contents: Contents, { first, last, plain }: SegmentEntry): Promise<TapeRow> {
  return { first, last, body: await contents.get(plain) }
}

/** What a segment folds to, or all of it: that does as well where the folded form is lost, or was never worth its room. */
export function readFolded(contents: Contents, { plain, folded }: SegmentEntry): Promise<Uint8Array> {
  return folded === undefined ? contents.get(plain) : contents.get(folded).catch(() => contents.get(plain))
}

function rowOf(storage: Pick<TapeStorage, 'rowsFrom'>, seq: number): TapeRow {
  const { value, done } = storage.rowsFrom(seq).next()
  if (done === true || seq < value.first) throw new Error(`The tape has no row for seq ${seq}.`)
  return value
}
