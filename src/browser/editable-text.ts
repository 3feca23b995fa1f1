/** What a binding needs of a text; the model `Text` is one. */
import type { Splices } from '../protocol/index.ts'

export interface EditableText {
  readonly value: string
  /** Whether it may be edited. */
  readonly isReady: boolean
  edit(splices: Splices<string>): void
  subscribe(listener: (change: { readonly splices: Splices<string> }) => void): () => void
}
