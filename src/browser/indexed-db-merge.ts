/** Group commit: several changes as one that has the effect of saving them one after the other. */
import type { OutboxEntry, SavedChange } from '../client/index.ts'
import type { TapeEvent } from '../protocol/index.ts'

export function mergeChanges(changes: readonly SavedChange[]): SavedChange {
  const scalars: SavedChange = {}
  const places = new Map<number, OutboxEntry | undefined>()
  let forgetEvents = false
  let events: (readonly TapeEvent[])[] = []
  for (const change of changes) {
    Object.assign(scalars, change)
    if (change.forgetEvents === true) {
      forgetEvents = true
      events = []
    }
    events.push(change.events ?? [])
    for (const entry of change.put ?? []) places.set(entry.place, entry)
    for (const place of change.remove ?? []) places.set(place, undefined)
  }
  const put = [...places.values()].filter((entry) => entry !== undefined)
  const remove = [...places.keys()].filter((place) => places.get(place) === undefined)
  return { ...scalars, forgetEvents, events: events.flat(), put, remove }
}
