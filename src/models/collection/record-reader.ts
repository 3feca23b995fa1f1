/**
 * From the values that stand to what an application's schema makes of them. Whatever the schema does, reading gives an
 * answer: schemas are not ours, and values are not theirs.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Values } from '../../protocol/index.ts'
import { describeIssues, type Issue } from './schema-error.ts'

export type Reading<T> = { readonly values: T } | { readonly problem: string; readonly issues: readonly Issue[] }

export class RecordReader<T> {
  readonly #schema: StandardSchemaV1<unknown, T> | undefined

  constructor(schema: StandardSchemaV1<unknown, T> | undefined) {
    this.#schema = schema
  }

  read(values: Values): Reading<T> {
    // Only without a schema, when T is what stands.
    if (this.#schema === undefined) return { values: values as T }
    try {
      // A copy, because what stands is not for the schema to change. Fields that came from a stream are frozen.
      const result = this.#schema['~standard'].validate({ ...values })
      if ('then' in result) return failing('The schema gave a promise, and has to answer at once.', result)
      if (result.issues !== undefined) return { problem: describeIssues(result.issues), issues: result.issues }
      // Most schemas only look: then one copy of a record is enough.
      return { values: isSame(result.value, values) ? (values as T) : frozen(result.value) }
    } catch (error) {
      return failing(`The schema threw: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/** `promise` is nobody's, so its failure is not to end the process. */
function failing(problem: string, promise?: PromiseLike<unknown>): Reading<never> {
  promise?.then(undefined, () => {})
  return { problem, issues: [{ message: problem }] }
}

function isSame(value: unknown, values: Values): boolean {
  if (!isPlain(value)) return false
  const fields = Object.keys(value)
  return (
    fields.length === Object.keys(values).length && fields.every((field) => Object.hasOwn(values, field) && value[field] === values[field])
  )
}

/** Plain objects alone: what else a schema gives may have to change in order to work. */
function frozen<T>(value: T): T {
  return isPlain(value) ? Object.freeze(value) : value
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
