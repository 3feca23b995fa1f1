/**
 * Reads what other versions of a model wrote: an older one's through the upcasters, step by step. A field that an
 * upcaster does not get through is kept, marked: whatever is written there later takes its place, by the stamp rule.
 *
 * Upcasters get one field at a time. Folding drops fields of a write, so only what each field comes to by itself is the
 * same for every client.
 */
import type { Draft, Json, Values } from '../../protocol/index.ts'
import type { CollectionOptions, UnknownEvent } from './collection-options.ts'

export interface VersionReaderHooks {
  /** Called once for each event, however often it is read. */
  readonly onUnknown: (unknown: UnknownEvent) => void
  readonly onThrow: (event: Draft, error: unknown) => void
}

export class VersionReader {
  readonly #version: number
  readonly #upcast: NonNullable<CollectionOptions['upcast']>
  /** The oldest version from which upcasters lead here without a gap. */
  readonly #oldest: number
  readonly #hooks: VersionReaderHooks
  /** Pending drafts are read again whenever something arrives beneath them. */
  readonly #drafts = new WeakMap<Draft, Draft | null>()
  /** The seqs of the events that the hooks were told of. */
  readonly #told = new Set<number>()
  /** What stands in the place of fields that could not be read, and what is wrong with them. */
  readonly #marks = new WeakMap<object, string>()
  #hasMarks = false

  constructor({ version = 1, upcast = {} }: Pick<CollectionOptions, 'version' | 'upcast'>, hooks: VersionReaderHooks) {
    if (!Number.isSafeInteger(version) || version < 1) throw new RangeError('The version of a model is a whole number from 1.')
    this.#version = version
    this.#upcast = upcast
    this.#hooks = hooks
    let oldest = version
    while (oldest > 1 && Object.hasOwn(upcast, oldest - 1)) oldest--
    this.#oldest = oldest
  }

  /** The change in the terms of this version; undefined when it cannot be told. Never throws. */
  readonly read = <T extends Draft>(change: T): T | undefined => {
    const { type, version = 1 } = change
    // To delete is the same in all versions.
    if (version === this.#version || type === 'delete') return change
    if (isOnTape(change)) return this.#readOther(change, version)
    let read = this.#drafts.get(change) as T | null | undefined
    if (read === undefined) {
      read = this.#readOther(change, version) ?? null
      this.#drafts.set(change, read)
    }
    return read ?? undefined
  }

  /** Of a plain event. */
  canRead({ type, version = 1 }: Draft): boolean {
    return type === 'delete' || this.#whyUnknown(version) === undefined
  }

  /** What is wrong with a field of these values; undefined when all could be read. */
  problemIn(values: Values): string | undefined {
    if (!this.#hasMarks) return undefined
    for (const value of Object.values(values)) {
      const problem = this.#problemOf(value)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  /** Those of these values that could be read: the others are not for anybody to write again. */
  readable(values: Values): Values {
    if (this.problemIn(values) === undefined) return values
    return Object.fromEntries(Object.entries(values).filter(([, value]) => this.#problemOf(value) === undefined))
  }

  reset(): void {
    this.#told.clear()
  }

  #readOther<T extends Draft>(change: T, version: number): T | undefined {
    const reason = this.#whyUnknown(version)
    if (reason !== undefined) {
      if (this.#isNews(change)) this.#hooks.onUnknown({ event: change, reason })
      return undefined
    }
    return { ...change, values: this.#upcastFields(change, version) }
  }

  #whyUnknown(version: number): UnknownEvent['reason'] | undefined {
    return version > this.#version ? 'newer' : version < this.#oldest ? 'no-upcaster' : undefined
  }

  #upcastFields(change: Draft, version: number): Values {
    const { values = {} } = change
    const read: Record<string, Json> = {}
    // In one order for all clients, whatever folding did to it: two fields may become one.
    for (const field of Object.keys(values).sort()) {
      const value = values[field] as Json
      try {
        assign(read, this.#upcastField({ [field]: copyOf(value) }, version))
      } catch (error) {
        const problem = `The upcaster from version ${version} failed at ${field}: ${error instanceof Error ? error.message : String(error)}`
        assign(read, { [field]: this.#mark(problem, value) })
        if (this.#isNews(change)) this.#hooks.onThrow(change, error)
      }
    }
    return read
  }

  #upcastField(field: Values, version: number): Values {
    let values: unknown = field
    for (let from = version; from < this.#version; from++) {
      values = this.#upcast[from]?.(values as Values)
      if (values instanceof Promise) values.catch(() => {})
      if (typeof values !== 'object' || values === null || Array.isArray(values) || 'then' in values) {
        throw new TypeError('An upcaster gives an object of fields, at once.')
      }
    }
    return values as Values
  }

  #problemOf(value: Json): string | undefined {
    return isComposite(value) ? this.#marks.get(value) : undefined
  }

  #mark(problem: string, value: Json): Json {
    const mark = Object.freeze({ problem, value })
    this.#marks.set(mark, problem)
    this.#hasMarks = true
    return mark
  }

  /** An event may come twice, and in parts. Of drafts, what they come to is kept. */
  #isNews(change: Draft): boolean {
    if (!isOnTape(change)) return true
    if (this.#told.has(change.seq)) return false
    this.#told.add(change.seq)
    return true
  }
}

function isOnTape(change: Draft): change is Draft & { readonly seq: number } {
  return 'seq' in change
}

function assign(target: Record<string, Json>, values: Values): void {
  for (const field of Object.keys(values)) {
    const value: Json | undefined = values[field]
    if (value !== undefined && field !== '__proto__') target[field] = value
  }
}

function copyOf(value: Json): Json {
  return isComposite(value) ? (JSON.parse(JSON.stringify(value)) as Json) : value
}

function isComposite(value: Json): value is Exclude<Json, null | boolean | number | string> {
  return typeof value === 'object' && value !== null
}
