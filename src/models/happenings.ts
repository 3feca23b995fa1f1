/** What plain events of a guest list tell: who joined, left, came back, or took another name, in order. */
import type { TapeEvent, Values } from '../protocol/index.ts'

export interface Happening {
  readonly seq: number
  /** `returned`: joined again after leaving within what is told. */
  readonly type: 'joined' | 'left' | 'returned' | 'renamed'
  readonly identifier: string
  /** As it was by then; the new one of who was renamed. */
  readonly name: string
  /** The name before, where that is known. */
  readonly was?: string
}

/** One of the list while it is told of. */
interface Guest {
  readonly name: string | undefined
  /** Undefined: not known. */
  readonly isHere: boolean | undefined
  readonly hasLeft: boolean
}

export interface Narrator {
  /** Who was here before the events, by identifier with the name. Without it everybody is taken at the events' word. */
  readonly before: ReadonlyMap<string, string> | undefined
  /** Knows the names of those who leave and have not been mentioned. */
  readonly nameOf: (identifier: string) => string
}

/** `events` are plain ones of the list, in order of seq. Who joins when already here, or leaves when not, makes no news. */
export function happeningsOf(events: readonly TapeEvent[], { before, nameOf }: Narrator): readonly Happening[] {
  const guests = new Map<string, Guest>()
  for (const [identifier, name] of before ?? []) guests.set(identifier, { name, isHere: true, hasLeft: false })
  const stranger: Guest = { name: undefined, isHere: before === undefined ? undefined : false, hasLeft: false }
  return events.flatMap((event) => {
    const guest = guests.get(event.identifier) ?? stranger
    const after = afterwards(guest, event)
    guests.set(event.identifier, after)
    const type = happened(guest, after)
    if (type === undefined) return []
    const { seq, identifier } = event
    const was = type === 'renamed' ? guest.name : undefined
    return [{ seq, type, identifier, name: after.name ?? nameOf(identifier), ...(was === undefined ? {} : { was }) }]
  })
}

function afterwards(guest: Guest, { type, identifier, values }: TapeEvent): Guest {
  switch (type) {
    case 'insert':
      return { ...guest, name: readName(values) ?? identifier, isHere: true }
    case 'delete':
      return { ...guest, isHere: false, hasLeft: true }
    case 'update':
      // Of who is not here it shows nothing.
      return guest.isHere === false ? guest : { ...guest, name: readName(values) ?? guest.name }
  }
}

function happened(before: Guest, after: Guest): Happening['type'] | undefined {
  if (after.isHere !== before.isHere) {
    if (after.isHere === true) return before.hasLeft ? 'returned' : 'joined'
    return 'left'
  }
  return after.name === before.name ? undefined : 'renamed'
}

/** A name that values give, if they give one that can be read. */
export function readName(values: Values | undefined): string | undefined {
  const name = values !== undefined && Object.hasOwn(values, 'name') ? values.name : undefined
  return typeof name === 'string' && name.trim() !== '' ? name : undefined
}
