import type { Code } from '../../protocol/index.ts'

const ofFilters: ReadonlySet<Code> = new Set(['bad-query', 'invalid', 'too-many', 'too-large'])

/**
 * Whether the server may say so of what is wanted. That is not the end: something else may be wanted next, and an
 * attribute that is not declared may be.
 */
export function isOfFilters(code: Code): boolean {
  return ofFilters.has(code)
}
