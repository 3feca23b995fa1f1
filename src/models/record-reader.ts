/**
 * From the values that stand to what an application's schema makes of them. Whatever the schema does, reading gives an
 * answer: schemas are not ours, and values are not theirs.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Values } from '../protocol/index.ts'
import { describeIssues, type Issue } from './schema-error.ts'

export type Reading<T> = { readonly values: T } | { readonly problem: string; readonly issues: readonly Issue[] }

export class RecordReader<T> {
  readonly #schema: StandardSchemaV1<unknown, T> | undefined

  constructor(schema: StandardSchemaV1<unknown, T> | undefined) {
    this.#schema = schema
  }

  /** Whether what is shown is what stands. */
  get isPlain(): boolean {
    return this.#schema === undefined
  }

  read(values: Values): Reading<T> {
    // Only without a schema, when T is what stands.
    if (this.#schema === undefined) return { values: values as T }
    try {
      // A copy, because what stands is not for the schema to change. Fields that came from a stream are frozen.
      const result = this.#schema['~standard'].validate({ ...values })
      if ('then' in result) return failing('The schema gave a promise, and has to answer at once.', result)
      return result.issues === undefined
        ? { values: frozen(result.value) }
        : { problem: describeIssues(result.issues), issues: result.issues }
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

/** Plain objects alone: what else a schema gives may have to change in order to work. */
function frozen<T>(value: T): T {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype ? Object.freeze(value) : value
}
