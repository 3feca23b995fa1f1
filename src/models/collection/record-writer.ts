/**
 * From what an application wants of its records to the changes that are vended for it. It changes nothing itself, and
 * checks everything first: when it throws, nothing has happened.
 */
import { type Change, type DraftExpect, isSameJson, type Json, type ObjectState, type Values } from '../../protocol/index.ts'
import { type Arranged, arrange } from './arrangement.ts'
import type { CollectionOptions, Expecting, Inserting, Place } from './collection-options.ts'
import type { Reading } from './record-reader.ts'
import { type Issue, SchemaError } from './schema-error.ts'

/** The records as far as it matters here. */
export interface Written {
  readonly list: Arranged
  read(values: Values): Reading<unknown>
  /** Those that stand, shown or not; undefined when the object is not alive. */
  valuesOf(identifier: string): Values | undefined
  stateOf(identifier: string): ObjectState
}

type Options = Pick<CollectionOptions, 'version' | 'position' | 'unchanged'>

export class RecordWriter {
  readonly #collection: string
  readonly #options: Options
  readonly #records: Written

  constructor(collection: string, options: Options, records: Written) {
    this.#collection = collection
    this.#options = options
    this.#records = records
  }

  insert(identifier: string, values: object, { before, after, expect }: Inserting): readonly Change[] {
    const place = before !== undefined ? { before } : after !== undefined ? { after } : undefined
    const { values: placed, moves } = this.#place(identifier, definedFields(values), place)
    this.#check(placed)
    return [this.#change('insert', identifier, { values: placed, expect }), ...moves]
  }

  /** Empty when there is no such record, or nothing changes. */
  update(identifier: string, patch: object, { expect }: Expecting): readonly Change[] {
    const standing = this.#records.valuesOf(identifier)
    if (standing === undefined) return []
    // With a precondition of its own, to write what is there already says something, too.
    const isNew = ([field, value]: [string, Json]) => expect !== undefined || !hasValue(standing, field, value)
    const values = Object.fromEntries(Object.entries(definedFields(patch)).filter(isNew))
    if (Object.keys(values).length === 0) return []
    this.#check({ ...standing, ...values })
    return [this.#change('update', identifier, { values, expect })]
  }

  remove(identifier: string, { expect }: Expecting): readonly Change[] {
    return this.#records.valuesOf(identifier) === undefined ? [] : [this.#change('delete', identifier, { expect })]
  }

  move(identifier: string, place: Place): readonly Change[] {
    const field = this.#positionField()
    const arrangement = this.#records.list.indexOf(identifier) < 0 ? undefined : arrange(this.#records.list, identifier, place)
    if (arrangement === undefined || arrangement === 'there') return []
    return [{ identifier, position: arrangement.position }, ...arrangement.others].map((each) => this.#moving(field, each))
  }

  /** A change that somebody else made up. Throws a `SchemaError` where it would leave no record. */
  checked(change: Change): Change {
    const issues = this.problemOf(change)
    if (issues !== undefined) throw new SchemaError(issues)
    return change
  }

  /** What the schema has against the record that a change would leave. */
  problemOf({ type, identifier, values }: Change): readonly Issue[] | undefined {
    if (type === 'delete') return undefined
    const reading = this.#records.read(type === 'insert' ? { ...values } : { ...this.#records.valuesOf(identifier), ...values })
    return 'issues' in reading ? reading.issues : undefined
  }

  /** The change as this model vends it. */
  complete(change: Change): Change {
    const { version = 1 } = this.#options
    const { expect = this.#expectOf(change), ...rest } = change
    return { ...rest, ...(version === 1 ? {} : { version }), ...(expect === undefined ? {} : { expect }) }
  }

  #place(identifier: string, values: Values, place: Place | undefined): { readonly values: Values; readonly moves: readonly Change[] } {
    const asTheyAre = { values, moves: [] }
    const field = place === undefined ? this.#options.position : this.#positionField()
    if (field === undefined || (place === undefined && Object.hasOwn(values, field))) return asTheyAre
    const { list } = this.#records
    // Behind records without a position, one without it comes last by itself. Only a schema may want it to have one.
    const last = list.at(list.size - 1)
    if (place === undefined && last !== undefined && last.position === undefined && !('problem' in this.#records.read(values)))
      return asTheyAre
    // Whatever it should have been beside may be gone by now.
    const arrangement = arrange(list, identifier, place ?? 'last') ?? arrange(list, identifier, 'last')
    const { position, others } =
      typeof arrangement === 'object' ? arrangement : { position: list.at(list.indexOf(identifier))?.position, others: [] }
    if (position === undefined) return asTheyAre
    return { values: { ...values, [field]: position }, moves: others.map((each) => this.#moving(field, each)) }
  }

  #moving(field: string, { identifier, position }: { readonly identifier: string; readonly position: string }): Change {
    return this.#change('update', identifier, { values: { [field]: position } })
  }

  #change(type: Change['type'], identifier: string, { values, expect }: Pick<Change, 'values' | 'expect'>): Change {
    return { type, collection: this.#collection, identifier, ...(values && { values }), ...(expect && { expect }) }
  }

  /** What the application never overwrites silently. */
  #expectOf({ type, identifier, values = {} }: Change): DraftExpect | undefined {
    const { unchanged } = this.#options
    if (unchanged === undefined) return undefined
    if (unchanged === true) {
      // Nobody can have written what nobody has heard of.
      const { since, values: known } = this.#records.stateOf(identifier)
      return type === 'insert' && since.seq < 0 && Object.keys(known).length === 0 ? undefined : { unchanged }
    }
    const written = unchanged.filter((field) => type === 'update' && Object.hasOwn(values, field))
    return written.length === 0 ? undefined : { unchanged: written }
  }

  #check(values: Values): void {
    const reading = this.#records.read(values)
    if ('issues' in reading) throw new SchemaError(reading.issues)
  }

  #positionField(): string {
    const { position } = this.#options
    if (position === undefined) throw new TypeError('Name the field for the position in the options of the collection: { position: … }.')
    return position
  }
}

/** A field that is undefined is as good as not there. What else is not JSON, a stream refuses. */
function definedFields(values: object): Values {
  return Object.fromEntries(Object.entries(values as Values).filter(([, value]) => (value as Json | undefined) !== undefined))
}

function hasValue(values: Values, field: string, value: Json): boolean {
  return Object.hasOwn(values, field) && isSameJson(values[field] as Json, value)
}
