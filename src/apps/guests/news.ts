/**
 * What to tell somebody who looks at the page: what happened since they looked last. From the tape where that can be had,
 * the whole story; otherwise from the model, the shortest answer.
 */
import type { SeqRanges, StreamStatus } from '../../browser/index.ts'
import type { Members } from '../../models/index.ts'
import type { Chronicle } from './chronicle.ts'
import type { Look } from './last-look.ts'
import { type Sentence, tellChanges, tellStory } from './narration.ts'

export type News =
  /** They have not looked before, and nothing has happened since they came. */
  | { readonly type: 'arrived' }
  /** It is not known yet, and these seqs are to be read first. */
  | { readonly type: 'asking'; readonly missing: SeqRanges }
  | { readonly type: 'story'; readonly sentences: readonly Sentence[] }
  | { readonly type: 'short'; readonly sentences: readonly Sentence[]; readonly reason: ShortReason }

export type ShortReason = 'offline' | 'much' | 'unread'

/** A longer story nobody wants to hear. */
export const storySeqsMax = 500

export interface NewsParts {
  readonly members: Members
  readonly chronicle: Chronicle
  readonly look: Look | undefined
  /** Whether that was the first look, by which nothing has been told yet. */
  readonly isFirst: boolean
  readonly latestSeq: number
  readonly status: Pick<StreamStatus, 'connection' | 'holes'>
  /** Whether the tape could not be read just now. */
  readonly isUnreadable: boolean
}

export function newsOf({ members, chronicle, look, isFirst, latestSeq, status, isUnreadable }: NewsParts): News {
  if (look === undefined) return { type: 'arrived' }
  const short = (reason: ShortReason): News => ({
    type: 'short',
    sentences: tellChanges(members.changesSince(look.seq, look.here)),
    reason,
  })
  if (latestSeq - look.seq > storySeqsMax) return short('much')
  const missing = chronicle.missing(look.seq, latestSeq)
  if (missing.length === 0) {
    const sentences = tellStory(members.narrate(chronicle.after(look.seq), look.here))
    return isFirst && sentences.length === 0 ? { type: 'arrived' } : { type: 'story', sentences }
  }
  switch (status.connection) {
    case 'offline':
    case 'paused':
    case 'stopped':
      return short('offline')
    case 'connecting':
      return { type: 'asking', missing: [] }
    case 'online':
      if (isUnreadable) return short('unread')
      // What fills the holes is perhaps all that is missing.
      return { type: 'asking', missing: status.holes.length === 0 ? missing : [] }
  }
}
