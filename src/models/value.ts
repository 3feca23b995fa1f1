/**
 * One value for everybody, which travels whole: each `set` inserts it anew, so a window that has received nothing but
 * the last one is right already. The last on the tape wins. It is a collection of one record with one field.
 *
 * What is malformed on the tape, because a script or another version of the application wrote it, shows as the initial
 * value, as if nobody had set it, and is reported: every client decides that alike, whatever it had seen before, and
 * the next `set` mends it. (To show the value from before would make what a client shows depend on what it was given,
 * and when: who reads the tape folded never hears of that value.)
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { ApplyContext, ModelReconciler, OutboundEventReceiver } from '../client/reconciler.ts'
import { type Change, type Draft, isSameJson, type Json, type ObjectState, type TapeEvent, type Values } from '../protocol/index.ts'
import { Collection } from './collection/collection.ts'
import type { CollectionOptions, UnknownEvents } from './collection/collection-options.ts'
import { RecordReader } from './collection/record-reader.ts'
import { SchemaError } from './collection/schema-error.ts'
import { Listeners } from './listeners.ts'
import type { Conflict } from './objects/conflict.ts'

export interface ValueOptions<T> extends Pick<CollectionOptions, 'version' | 'upcast' | 'onUnknown' | 'onConflict' | 'onProblem'> {
  /** Shown while nobody has set it, or somebody has set it to what it cannot be. */
  readonly initial: T
  /** `value` by default. */
  readonly identifier?: string | undefined
  /** `value` by default. */
  readonly field?: string | undefined
  /** What it can be; synchronous. Without a schema: whatever is of the same JSON type as `initial`, and anything when that is null. */
  readonly schema?: StandardSchemaV1<T, T> | undefined
  /** Whether the server is to refuse a value that was set without knowing the last one. */
  readonly unchanged?: true | undefined
}

/** `T` is what JSON can say. */
export class Value<T> implements ModelReconciler {
  readonly #identifier: string
  readonly #field: string
  readonly #initial: T
  readonly #records: Collection<StandardSchemaV1<Record<string, unknown>, Record<string, T>>>
  readonly #listeners = new Listeners()
  #value: T
  #isPending = false

  /** Throws a `SchemaError` when `initial` itself is not what the schema accepts. */
  constructor(collection: string, options: ValueOptions<T>) {
    const { identifier = 'value', field = 'value', initial, schema = typeOfInitial(initial), ...others } = options
    this.#identifier = identifier
    this.#field = field
    const record = schemaOfField(field, schema)
    this.#initial = this.#value = checked(record, { [field]: initial })[field] as T
    this.#records = new Collection(collection, { ...others, schema: record })
    this.#records.subscribe(() => this.#show())
  }

  get receiver(): OutboundEventReceiver | undefined {
    return this.#records.receiver
  }

  set receiver(receiver: OutboundEventReceiver | undefined) {
    this.#records.receiver = receiver
  }

  get collections(): readonly string[] {
    return this.#records.collections
  }

  /** The same value until it changes. */
  get value(): T {
    return this.#value
  }

  /** Whether what shows is on no tape yet. */
  get isPending(): boolean {
    return this.#isPending
  }

  get conflicts(): readonly Conflict[] {
    return this.#records.conflicts
  }

  get unknown(): UnknownEvents {
    return this.#records.unknown
  }

  get isStopped(): boolean {
    return this.#records.isStopped
  }

  proceed(): void {
    this.#records.proceed()
  }

  /** Shows at once, here, and on the tape as soon as may be. Throws a `SchemaError` for what it cannot be; then nothing has happened. */
  set(value: T): void {
    this.#records.insert({ [this.#field]: value }, { identifier: this.#identifier })
  }

  /** Calls `listener` once after each run of events that changed what shows, until the function that it gives is called. */
  readonly subscribe = this.#listeners.subscribe

  stateOf(object: Pick<Change, 'identifier'>): ObjectState {
    return this.#records.stateOf(object)
  }

  accepts(change: Change): boolean {
    return this.#records.accepts(change)
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[], context?: ApplyContext): void {
    this.#records.apply(events, pending, context)
  }

  reset(): void {
    this.#records.reset()
  }

  #show(): void {
    const record = this.#records.get(this.#identifier)
    const value = record === undefined ? this.#initial : (record.values[this.#field] as T)
    const isPending = record?.isPending ?? false
    const isSame = isSameJson(value as Json, this.#value as Json)
    if (isSame && isPending === this.#isPending) return
    if (!isSame) this.#value = value
    this.#isPending = isPending
    this.#listeners.tell()
  }
}

/** Of a record with one field; what else stands in it is nobody's. */
function schemaOfField<T>(field: string, schema: StandardSchemaV1<T, T>): StandardSchemaV1<Record<string, unknown>, Record<string, T>> {
  const ofField = (result: StandardSchemaV1.Result<T>) => (result.issues === undefined ? { value: { [field]: result.value } } : result)
  const validate = (record: unknown) => {
    const values = record as Record<string, unknown>
    if (!Object.hasOwn(values, field)) return { issues: [{ message: 'It is missing.', path: [field] }] }
    const result = schema['~standard'].validate(values[field])
    return 'then' in result ? result.then(ofField) : ofField(result)
  }
  return { '~standard': { version: 1, vendor: 'tapeline', validate } }
}

/** Whatever is of the same JSON type; anything when that is null. */
function typeOfInitial<T>(initial: T): StandardSchemaV1<T, T> {
  const expected = typeOf(initial)
  const validate = (value: unknown) => {
    if (initial === null || typeOf(value) === expected) return { value: value as T }
    return { issues: [{ message: `Expected a ${expected}, received a ${typeOf(value)}.` }] }
  }
  return { '~standard': { version: 1, vendor: 'tapeline', validate } }
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'list' : typeof value
}

function checked<T>(schema: StandardSchemaV1<Record<string, unknown>, T>, values: Record<string, unknown>): T {
  const reading = new RecordReader<T>(schema as StandardSchemaV1<unknown, T>).read(values as Values)
  if ('issues' in reading) throw new SchemaError(reading.issues)
  return reading.values
}
