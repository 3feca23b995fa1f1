/** Whose a client is. */
import type { LedgerEntry } from '../tape/tape-storage.ts'

/** The sub of a client that came with an import and of whom nobody said whose it is: the first that publishes as it gets it. */
export const unclaimed = ''

/** Whether a sub may publish as the client of this entry. Tokens have no empty sub. */
export function isOwner(sub: string, entry: LedgerEntry): boolean {
  return entry.sub === sub || entry.sub === unclaimed
}
