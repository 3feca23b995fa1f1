/**
 * The run of events that the models are given at once: folded, except objects that are contested. Of those the events
 * stay as they are, so that a model sees who wrote over whom, and what each had seen; folding keeps the end alone.
 *
 * Two events are concurrent when the maker of the later one had not seen the earlier one. An object is contested when one
 * of its events is this client's own and a concurrent one is not.
 */
import { foldEvents, groupByObject, objectKey, type TapeEvent } from '../../protocol/index.ts'

/** This client's own events on the tape: the seq of the newest of each object, by `objectKey`. */
export interface OwnEvents {
  readonly client: string
  readonly newest: ReadonlyMap<string, number>
}

/** Folds a run. `own`: what this client had on the tape before it. */
export function foldRun(run: readonly TapeEvent[], own: OwnEvents): readonly TapeEvent[] {
  if (run.length < 2 || (own.newest.size === 0 && run.every(({ client }) => client !== own.client))) return foldEvents(run)
  const given: TapeEvent[] = []
  for (const [key, group] of groupByObject(run)) {
    const isWhole = group.length === 1 || isContested(group, own.client, own.newest.get(key) ?? -1)
    for (const event of isWhole ? group : foldEvents(group)) given.push(event)
  }
  return given.sort((a, b) => a.seq - b.seq)
}

/** `newestOwn`: of this client's events of the object before the run, −1 for none. */
function isContested(group: readonly TapeEvent[], client: string, newestOwn: number): boolean {
  let own = newestOwn
  for (const event of group.toSorted((a, b) => a.seq - b.seq)) {
    if (event.client !== client) {
      if (event.seen < own) return true
    } else {
      // What it had not seen may be another's, of the run or from before it.
      if (event.seen < event.seq - 1) return true
      own = Math.max(own, event.seq)
    }
  }
  return false
}

/** Notes this client's events among these, folded or not, as far as they still stand. */
export function noteOwn(newest: Map<string, number>, events: readonly TapeEvent[], client: string): void {
  for (const event of events) {
    const seq = newestBy(event, client)
    if (seq < 0) continue
    const key = objectKey(event)
    newest.set(key, Math.max(seq, newest.get(key) ?? -1))
  }
}

/** The newest seq of a plain or folded event that this client wrote, −1 for none. */
function newestBy({ seq, client: maker, stamps, makers }: TapeEvent, client: string): number {
  let newest = maker === client ? seq : -1
  if (stamps === undefined) return newest
  for (const [field, stamp] of Object.entries(stamps)) {
    const by = makers !== undefined && Object.hasOwn(makers, field) ? makers[field] : maker
    if (by === client) newest = Math.max(newest, stamp)
  }
  return newest
}
