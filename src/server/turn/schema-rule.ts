/** A rule made of schemas: what is not a record of its collection does not come on the tape. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Values } from '../../protocol/event.ts'
import type { Rejection, Validate } from './rules.ts'

export interface CollectionSchema {
  /** Of a whole record, by any Standard Schema library; it must answer at once. */
  readonly schema: StandardSchemaV1
  /** Of the model that it describes, 1 by default. What other versions write is not looked at. */
  readonly version?: number | undefined
}

/**
 * Gives a rule that rejects, with the reason `schema`, what does not fit the schema of its collection. An insert is looked
 * at as it is; an update with the rest of its record, when that is among the recent events that the rules declare.
 * Otherwise the rest is not known here, and the update is taken: clients check what they write, and what they read.
 */
export function schemaRule(schemas: Readonly<Record<string, CollectionSchema>>): Validate {
  return ({ type, collection, identifier, version = 1, values = {} }, _sub, recent) => {
    const known = Object.hasOwn(schemas, collection) ? schemas[collection] : undefined
    if (known === undefined || type === 'delete' || version !== (known.version ?? 1)) return undefined
    if (type === 'insert') return check(known.schema, values)
    const object = recent.object(collection, identifier)
    return object.isWhole && object.isAlive ? check(known.schema, { ...object.values, ...values }) : undefined
  }
}

function check(schema: StandardSchemaV1, values: Values): Rejection | undefined {
  const result = schema['~standard'].validate(values)
  if ('then' in result) {
    result.then(undefined, () => {})
    throw new TypeError('The schema gave a promise: a rule decides at once.')
  }
  const issue = result.issues?.[0]
  return issue === undefined ? undefined : { reason: 'schema', detail: describe(issue) }
}

function describe({ message, path = [] }: StandardSchemaV1.Issue): string {
  const at = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment)).join('.')
  return at === '' ? message : `${at}: ${message}`
}
