/**
 * The guest list: a set of names that are here, and what happened since one looked.
 *
 * A guest's identifier is the name itself, tidied up: who joins twice, on two devices that do not know of each other, is
 * one guest, and who says "Blake left" need not have known under which id Blake came. What leaves has no values any
 * more, so the name is read off its identifier even by those who hear of Blake for the first time then. Two guests of
 * one name have to tell themselves apart, as at any party. (An application that knows people by something better gives
 * that as the identifier; then names are what may change.)
 *
 * "What happened since?" has two answers. The tape's, told from plain events, is the whole story: who came, left and came
 * back. The model's is the shortest: who is new, who is gone; it needs no more than what this client has anyway.
 */
import type { ModelReconciler, OutboundEventReceiver } from '../client/reconciler.ts'
import { type Change, type Draft, nameLengthMax, type ObjectState, type TapeEvent } from '../protocol/index.ts'
import { type Happening, happeningsOf, readName } from './happenings.ts'
import { Listeners } from './listeners.ts'
import { type ShownObject, StampedObjects } from './objects/stamped-objects.ts'

export interface Member {
  readonly identifier: string
  readonly name: string
  readonly isPending: boolean
}

export interface MemberChanges {
  /** Here now, and joined since: perhaps not for the first time. */
  readonly joined: readonly Member[]
  /** Not here now, and left since: among them who had joined only since, unless it is said who was here before. */
  readonly left: readonly Omit<Member, 'isPending'>[]
}

/** Who was here, by identifier with the name, as somebody once noted it down. */
export type Attendance = ReadonlyMap<string, string>

export class Members implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly collections: readonly string[]
  readonly #collection: string
  readonly #objects: StampedObjects
  readonly #listeners = new Listeners()
  /** Everybody that this client has heard of, with the name that was shown last. */
  readonly #names = new Map<string, string>()
  /** A member stays the same value as long as its object does. */
  readonly #members = new WeakMap<ShownObject, Member>()
  #list: readonly Member[] | undefined

  constructor(collection: string) {
    this.collections = [collection]
    this.#collection = collection
    this.#objects = new StampedObjects(collection)
  }

  /** Who is here, in the order in which they joined. The same array until that changes. */
  get list(): readonly Member[] {
    this.#list ??= this.#objects.list.map((object) => this.#memberOf(object))
    return this.#list
  }

  get(identifier: string): Member | undefined {
    const object = this.#objects.get(identifier)
    return object === undefined ? undefined : this.#memberOf(object)
  }

  /**
   * Somebody joins; gives the identifier. Who is here already under it gets this name, if it is another one. Throws a
   * RangeError for a name, or an identifier, that is blank or longer than an identifier may be; then nothing has happened.
   */
  join(name: string, identifier = memberIdentifier(name)): string {
    const tidy = memberIdentifier(name)
    if (identifier === '' || tidy === '') throw new RangeError('A member needs a name.')
    if (Math.max(identifier.length, tidy.length) > nameLengthMax) {
      throw new RangeError(`A member’s name has ${nameLengthMax} characters at most.`)
    }
    const present = this.get(identifier)
    const change = { collection: this.#collection, identifier, values: { name: tidy } }
    if (present === undefined) this.#vend({ type: 'insert', ...change })
    else if (present.name !== tidy) this.#vend({ type: 'update', ...change })
    return identifier
  }

  /** False when nobody of this identifier is here. */
  leave(identifier: string): boolean {
    if (this.#objects.get(identifier) === undefined) return false
    this.#vend({ type: 'delete', collection: this.#collection, identifier })
    return true
  }

  /**
   * The whole story, told from plain events in order of seq, as `stream.read({ after })` gives them; those of other
   * collections are passed over. `before`: who was here before the first of them. Without it, who joins again without
   * having left, on another device, is told of as if new.
   */
  narrate(events: readonly TapeEvent[], before?: Attendance): readonly Happening[] {
    const own = events.filter(({ collection }) => collection === this.#collection)
    return happeningsOf(own, { before, nameOf: (identifier) => this.#nameOf(identifier) })
  }

  /**
   * The shortest answer, from what this client has, with what is pending: who is new and who is gone since a seq. Who
   * left and came back counts as new, unless `before` says who was here then.
   */
  changesSince(seq: number, before?: Attendance): MemberChanges {
    const joined = this.list.filter(({ identifier }) => this.#objects.since(identifier) > seq && before?.has(identifier) !== true)
    const left = Array.from(before?.keys() ?? this.#names.keys()).filter(
      (identifier) => this.#objects.get(identifier) === undefined && this.#objects.since(identifier) > seq,
    )
    return { joined, left: left.map((identifier) => ({ identifier, name: before?.get(identifier) ?? this.#nameOf(identifier) })) }
  }

  /** Calls `listener` once after each run of events that changed who is here, until the function that it gives is called. */
  readonly subscribe = this.#listeners.subscribe

  stateOf({ identifier }: Pick<Change, 'identifier'>): ObjectState {
    return this.#objects.state(identifier)
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    const { touched } = this.#objects.apply(events, pending)
    for (const { collection, identifier } of events) {
      // Who is gone by now may never have been shown.
      if (collection === this.#collection && !this.#names.has(identifier)) this.#names.set(identifier, identifier)
    }
    for (const identifier of touched) {
      const shown = this.#objects.get(identifier)
      if (shown !== undefined) this.#names.set(identifier, this.#memberOf(shown).name)
    }
    if (touched.size > 0) this.#changed()
  }

  reset(): void {
    const hadMembers = this.list.length > 0
    this.#objects.reset()
    this.#names.clear()
    if (hadMembers) this.#changed()
  }

  #changed(): void {
    this.#list = undefined
    this.#listeners.tell()
  }

  #vend(change: Change): void {
    if (this.receiver === undefined) throw new Error('Attach the members to a stream first: stream.attach(members).')
    this.receiver.didCreateDraft(change)
  }

  #nameOf(identifier: string): string {
    return this.#names.get(identifier) ?? identifier
  }

  #memberOf(object: ShownObject): Member {
    const known = this.#members.get(object)
    if (known !== undefined) return known
    const { identifier, values, isPending } = object
    const member = { identifier, name: readName(values) ?? identifier, isPending }
    this.#members.set(object, member)
    return member
  }
}

/** The name as it names its guest: one way to write each letter, and no blanks but single ones between words. */
export function memberIdentifier(name: string): string {
  return name.toWellFormed().normalize('NFC').replaceAll(/\s+/gu, ' ').trim()
}
