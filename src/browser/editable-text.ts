/** What a binding needs of a text; the model `Text` is one. */
import type { Splices } from '../protocol/index.ts'

export interface EditableText {
  readonly value: string
  /** Whether it may be edited. */
  readonly isReady: boolean
  edit(splices: Splices<string>): void
  subscribe(listener: (change: TextChange) => void): () => void
}

export interface TextChange {
  readonly splices: Splices<string>
  /** Whether it is what was edited here just now, and nothing else. */
  readonly isOwn: boolean
}
