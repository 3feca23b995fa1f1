/**
 * One value for everybody, which travels whole: each `set` inserts it anew, so a window that has received nothing but
 * the last one is right already. The last on the tape wins.
 *
 * What is malformed on the tape, because a script or another version of the application wrote it, shows as the initial
 * value, as if nobody had set it, and is reported: every client decides that alike, whatever it had seen before, and
 * the next `set` mends it. (To show the value from before would make what a client shows depend on what it was given,
 * and when: who reads the tape folded never hears of that value.)
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { ModelReconciler, OutboundEventReceiver } from '../client/reconciler.ts'
import { type Draft, isSameJson, type Json, type TapeEvent, type Values } from '../protocol/index.ts'
import { callAll } from './call-all.ts'
import { describeIssues, type Issue, SchemaError } from './schema-error.ts'
import { StampedObjects } from './stamped-objects.ts'

export interface ValueOptions<T> {
  /** Shown while nobody has set it, or somebody has set it to what it cannot be. */
  readonly initial: T
  /** `value` by default. */
  readonly identifier?: string | undefined
  /** `value` by default. */
  readonly field?: string | undefined
  /** What it can be; synchronous. Without a schema: whatever is of the same JSON type as `initial`, and anything when that is null. */
  readonly schema?: StandardSchemaV1<T, T> | undefined
  readonly onProblem?: ((problem: Malformed) => void) | undefined
}

/** What stands on the tape and is not what it should be. */
export interface Malformed {
  readonly identifier: string
  readonly values: Values
  /** For people. */
  readonly problem: string
}

/** `T` is what JSON can say. */
export class Value<T> implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly collections: readonly string[]
  readonly #collection: string
  readonly #identifier: string
  readonly #field: string
  readonly #options: ValueOptions<T>
  readonly #objects: StampedObjects
  readonly #listeners = new Set<() => void>()
  #value: T
  #isPending = false

  /** Throws a `SchemaError` when `initial` itself is not what the schema accepts. */
  constructor(collection: string, options: ValueOptions<T>) {
    const { identifier = 'value', field = 'value', initial } = options
    this.collections = [collection]
    this.#collection = collection
    this.#identifier = identifier
    this.#field = field
    this.#options = options
    this.#objects = new StampedObjects(collection)
    this.#value = this.#checked(initial)
  }

  /** The same value until it changes. */
  get value(): T {
    return this.#value
  }

  /** Whether what shows is on no tape yet. */
  get isPending(): boolean {
    return this.#isPending
  }

  /** Shows at once, here, and on the tape as soon as may be. Throws a `SchemaError` for what it cannot be; then nothing has happened. */
  set(value: T): void {
    const values = { [this.#field]: this.#checked(value) as Json }
    if (this.receiver === undefined) throw new Error('Attach the value to a stream first: stream.attach(value).')
    this.receiver.didCreateDraft({ type: 'insert', collection: this.#collection, identifier: this.#identifier, values })
  }

  /** Calls `listener` once after each run of events that changed what shows, until the function that it gives is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    // Whoever subscribes twice is told twice, and each ends its own.
    const own = () => listener()
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    if (this.#objects.apply(events, pending).touched.has(this.#identifier)) this.#show()
  }

  reset(): void {
    this.#objects.reset()
    this.#show()
  }

  #show(): void {
    const { initial, onProblem } = this.#options
    const shown = this.#objects.get(this.#identifier)
    const values = shown?.values ?? {}
    const outcome: Outcome<T> = Object.hasOwn(values, this.#field) ? this.#check(values[this.#field] as Json) : { value: initial }
    const value = 'value' in outcome ? outcome.value : initial
    const isPending = shown?.isPending ?? false
    const isSame = isSameJson(value as Json, this.#value as Json)
    const hasChanged = !isSame || isPending !== this.#isPending
    if (!isSame) this.#value = value
    this.#isPending = isPending
    callAll([
      ...('issues' in outcome
        ? [() => onProblem?.({ identifier: this.#identifier, values, problem: describeIssues(outcome.issues) })]
        : []),
      ...(hasChanged ? this.#listeners : []),
    ])
  }

  #checked(value: T): T {
    const outcome = this.#check(value as Json)
    if ('issues' in outcome) throw new SchemaError(outcome.issues)
    return outcome.value
  }

  /** Never throws: a schema is somebody else's, and so is what comes off the tape. */
  #check(value: Json): Outcome<T> {
    const { initial, schema } = this.#options
    if (schema === undefined) {
      const isMeant = initial === null || typeOf(value) === typeOf(initial as Json)
      return isMeant
        ? { value: value as T }
        : { issues: [{ message: `Expected a ${typeOf(initial as Json)}, received a ${typeOf(value)}.` }] }
    }
    try {
      const result = schema['~standard'].validate(value)
      if (result instanceof Promise) return { issues: [{ message: 'The schema does not answer at once.' }] }
      return result.issues === undefined ? { value: result.value } : { issues: result.issues }
    } catch (error) {
      return { issues: [{ message: `The schema failed: ${error}` }] }
    }
  }
}

type Outcome<T> = { readonly value: T } | { readonly issues: readonly Issue[] }

function typeOf(value: Json): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'list' : typeof value
}
