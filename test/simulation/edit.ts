/** What the processes of a simulation do, kept for the checker. */
import type { Publication } from '../../src/client/index.ts'
import type { Change } from '../../src/protocol/index.ts'
import type { SimTab } from './sim-tab.ts'

/** A change that a tab made. */
export interface Edit {
  readonly change: Change
  readonly tab: SimTab
  /** Its place among the edits of its line. */
  readonly index: number
  readonly publication: Publication
  readonly how: 'edit' | 'retry' | 'decision' | 'undo'
  /** The refused draft that it takes the place of, by `refusalKey`. */
  readonly retried: string | undefined
  /** Under which id the maker published then. */
  readonly client: string
  /** It may be gone with what was lost when storage was set back. */
  isLost?: boolean
}

/** Edits that reach the tape in their order: those of one tab, or of the processes that followed each other. */
export interface Line {
  readonly name: string
  readonly edits: Edit[]
}

export function refusalKey({ place, draft }: { readonly place: number; readonly draft: Change }): string {
  return `${place} ${JSON.stringify(draft)}`
}
