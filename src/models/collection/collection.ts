/**
 * A collection of records that everybody may write: ordered, read through a schema, the same array and the same values
 * until something in them changes. Its methods change nothing themselves: they vend drafts, and the collection changes
 * when those come back through `apply`. It knows the stream by the two reconciler interfaces alone, and could have been
 * written by an application.
 *
 *   events, drafts ─► held? ─► StampedObjects (versions read) ─► schema ─► shown in order, or quarantined ─► listeners
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { ApplyContext, ModelReconciler, OutboundEventReceiver } from '../../client/reconciler.ts'
import type { Change, Draft, ObjectState, TapeEvent } from '../../protocol/index.ts'
import { HeldEvents } from '../held-events.ts'
import { newIdentifier } from '../new-identifier.ts'
import type { Collision } from '../objects/collisions.ts'
import { type Conflict, OpenConflicts } from '../objects/conflict.ts'
import { type Applied, StampedObjects } from '../objects/stamped-objects.ts'
import { Announcements } from './announcements.ts'
import type {
  Changes,
  CollectionOptions,
  Expecting,
  Inserting,
  Place,
  PlainSchema,
  Quarantined,
  ShownRecord,
  UnknownEvent,
  UnknownEvents,
} from './collection-options.ts'
import { RecordReader } from './record-reader.ts'
import { RecordWriter } from './record-writer.ts'
import { ShownRecords } from './shown-records.ts'
import { VersionReader } from './version-reader.ts'

type Input<Schema extends StandardSchemaV1> = StandardSchemaV1.InferInput<Schema>
type Output<Schema extends StandardSchemaV1> = StandardSchemaV1.InferOutput<Schema>

const noUnknown: UnknownEvents = { count: 0 }

export class Collection<Schema extends StandardSchemaV1 = PlainSchema> implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly name: string
  readonly #options: CollectionOptions<Schema>
  readonly #versions: VersionReader
  readonly #objects: StampedObjects
  readonly #records: ShownRecords<Output<Schema>>
  readonly #writer: RecordWriter
  readonly #held: HeldEvents
  readonly #conflicts: OpenConflicts
  readonly #announcements: Announcements<ShownRecord<Output<Schema>>>
  /** Calls a listener once after each run that changed something, until the function that it gives is called. */
  readonly subscribe: (listener: (changes: Changes) => void) => () => void
  #pending: readonly Draft[] = []
  #unknown = noUnknown

  constructor(name: string, options: CollectionOptions<Schema> = {}) {
    this.name = name
    this.#options = options
    this.#announcements = new Announcements(options.onProblem)
    this.subscribe = this.#announcements.subscribe
    this.#versions = new VersionReader(options, {
      onUnknown: (unknown) => this.#meetUnknown(unknown),
      onThrow: (event, error) => this.#announcements.report({ type: 'upcaster', event, error }),
    })
    this.#held = new HeldEvents((event) => options.onUnknown === 'stop' && event.collection === name && !this.#versions.canRead(event))
    this.#objects = new StampedObjects(name, { read: this.#versions.read })
    this.#records = new ShownRecords({
      ...options,
      objects: this.#objects,
      versions: this.#versions,
      reader: new RecordReader(options.schema as StandardSchemaV1<unknown, Output<Schema>> | undefined),
      changes: this.#announcements.changes,
      onQuarantined: (quarantined) => this.#announcements.report({ type: 'record', quarantined }),
    })
    this.#writer = new RecordWriter(name, options, this.#records)
    this.#conflicts = new OpenConflicts({
      collection: name,
      objects: this.#objects,
      vend: (change) => this.#vendDecision(change),
      onChange: () => {
        this.#announcements.changes.noteNews()
        this.#announcements.make()
      },
    })
  }

  /** Which collection of the tape this is: for whoever hands it its events alone. */
  get collections(): readonly string[] {
    return [this.name]
  }

  /** All records that show: the same array until one of them, or their order, changes. */
  get list(): readonly ShownRecord<StandardSchemaV1.InferOutput<Schema>>[] {
    return this.#records.list.items
  }

  /** The same value until the record changes. */
  get(identifier: string): ShownRecord<StandardSchemaV1.InferOutput<Schema>> | undefined {
    return this.#records.get(identifier)
  }

  has(identifier: string): boolean {
    return this.#records.get(identifier) !== undefined
  }

  get size(): number {
    return this.#records.list.size
  }

  /** Whether no hole in what this client knows of the tape can hold anything that changes the record. */
  isComplete(identifier: string): boolean {
    return this.#records.isComplete(identifier)
  }

  /** What cannot be shown: the same array until it changes. */
  get quarantined(): readonly Quarantined[] {
    return this.#records.quarantine.list
  }

  get unknown(): UnknownEvents {
    return this.#unknown
  }

  /** Whether events are held back, because of one that this version of the model cannot read. */
  get isStopped(): boolean {
    return this.#held.isHolding
  }

  /** The concurrent overwrites that nobody has decided yet: the same array until one is opened or closed. */
  get conflicts(): readonly Conflict[] {
    return this.#conflicts.list
  }

  /** How an object stands, with the pending drafts on top: for whoever undoes what was done to it. */
  stateOf({ identifier }: Pick<Change, 'identifier'>): ObjectState {
    const state = this.#objects.state(identifier)
    const values = this.#versions.readable(state.values)
    return values === state.values ? state : { ...state, values }
  }

  /** Whether the schema takes what a change would leave. */
  accepts(change: Change): boolean {
    return this.#writer.problemOf(change) === undefined
  }

  /**
   * Adds a record, or replaces the one of this identifier; gives the identifier. It goes to the end of the list, unless
   * its values or the options say where. Throws a `SchemaError` for what the schema does not accept, and a `Refusal` for
   * what no tape would take; then nothing has happened.
   */
  insert(values: Input<Schema> & object, options: Inserting = {}): string {
    const { identifier = (this.#options.newIdentifier ?? newIdentifier)() } = options
    this.#vend(this.#writer.insert(identifier, values, options))
    return identifier
  }

  /** Writes the fields of `patch` that are new. False when there is no such record, or nothing changes. Throws like `insert`. */
  update(identifier: string, patch: Partial<Input<Schema>> & object, options: Expecting = {}): boolean {
    return this.#vend(this.#writer.update(identifier, patch, options))
  }

  /** False when there is no such record. One that is quarantined can be removed, too. */
  remove(identifier: string, options: Expecting = {}): boolean {
    return this.#vend(this.#writer.remove(identifier, options))
  }

  /** Puts a record at another place, in one go with those that have to make room. False when it is there, or one of them is not. */
  move(identifier: string, place: Place): boolean {
    return this.#vend(this.#writer.move(identifier, place))
  }

  /** Applies what was held back, without what cannot be read, and goes on until the next of that kind. */
  proceed(): void {
    if (!this.#held.isHolding) return
    this.#announcements.changes.noteNews()
    this.#take(this.#held.release(), undefined)
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[], context?: ApplyContext): void {
    this.#pending = pending
    const wasStopped = this.#held.isHolding
    const passed = this.#options.onUnknown === 'stop' ? this.#held.pass(events, context?.client ?? '') : events
    if (this.#held.isHolding !== wasStopped) this.#announcements.changes.noteNews()
    this.#take(passed, context)
  }

  reset(isNarrowed = false): void {
    const forget = () => {
      this.#records.clear()
      this.#objects.reset(isNarrowed)
      this.#versions.reset()
      if (this.#held.isHolding || this.#unknown !== noUnknown) this.#announcements.changes.noteNews()
      this.#held.release()
      this.#conflicts.reset(isNarrowed)
      this.#unknown = noUnknown
      this.#announcements.changes.noteReset()
    }
    // Listeners are told once, when it is known what stays.
    if (isNarrowed) forget()
    else this.#announcements.after(forget)
  }

  #take(events: readonly TapeEvent[], context: ApplyContext | undefined): void {
    this.#announcements.after(() => {
      const { holesEnd } = this.#objects
      const applied = this.#objects.apply(events, this.#pending, context)
      this.#records.show(applied.touched)
      if (this.#objects.holesEnd !== holesEnd) {
        this.#records.showComplete()
        this.#announcements.changes.noteNews()
      }
      this.#meetConflicts(applied)
    })
  }

  /** Before the listeners are told, so that who decides at once decides for them, too. */
  #meetConflicts({ touched, collisions }: Applied): void {
    const { onConflict } = this.#options
    const worthTelling = collisions.filter((collision) => !this.#isOfPlaceAlone(collision))
    const opened = this.#conflicts.take({ touched, collisions: worthTelling })
    for (const conflict of opened) {
      if (onConflict !== undefined) this.#announcements.add(() => onConflict(conflict))
    }
    if (opened.length > 0) this.#announcements.changes.noteNews()
  }

  /** Two who moved a record at once have lost nothing that anybody wrote. */
  #isOfPlaceAlone({ fields }: Collision): boolean {
    const { position } = this.#options
    return position !== undefined && Object.hasOwn(fields, position) && Object.keys(fields).length === 1
  }

  #meetUnknown(unknown: UnknownEvent): void {
    const { onUnknown } = this.#options
    this.#unknown = { count: this.#unknown.count + 1, last: unknown }
    this.#announcements.changes.noteNews()
    if (typeof onUnknown === 'function') this.#announcements.add(() => onUnknown(unknown))
  }

  #vendDecision(change: Change): void {
    const { values } = change
    this.#vend([values === undefined ? change : this.#writer.checked({ ...change, values: this.#versions.readable(values) })])
  }

  /** All in one go. False when there is nothing to vend. */
  #vend(changes: readonly Change[]): boolean {
    const { receiver } = this
    if (changes.length === 0) return false
    if (receiver === undefined) throw new Error('Attach the collection to a stream first: stream.attach(collection).')
    const complete = changes.map((change) => this.#writer.complete(change))
    // Listeners are told when it comes back: what they throw is the stream's to hear of, for the change was made.
    if (complete.length > 1 && receiver.didCreateDrafts !== undefined) receiver.didCreateDrafts(complete)
    else for (const change of complete) receiver.didCreateDraft(change)
    return true
  }
}
