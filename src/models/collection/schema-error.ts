/** A change that the schema does not accept. It is thrown where the change is made, and nothing has happened. */
import type { StandardSchemaV1 } from '@standard-schema/spec'

export type Issue = StandardSchemaV1.Issue

export class SchemaError extends Error {
  override readonly name = 'SchemaError'
  readonly issues: readonly Issue[]

  constructor(issues: readonly Issue[]) {
    super(describeIssues(issues))
    this.issues = issues
  }
}

/** More than a few say no more. */
const issuesMax = 5

export function describeIssues(issues: readonly Issue[]): string {
  if (issues.length === 0) return 'The schema does not say why.'
  const texts = issues.slice(0, issuesMax).map(describeIssue)
  return texts.length < issues.length ? `${texts.join('; ')}; and ${issues.length - texts.length} more` : texts.join('; ')
}

function describeIssue({ message, path = [] }: Issue): string {
  const at = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment)).join('.')
  return at === '' ? message : `${at}: ${message}`
}
