/**
 * What of the tape is wanted here, by all tabs together. More is taken up at once. Less is let go of a while later, so that
 * whoever looks at one thing and then at another again reads nothing twice: the server says which objects still belong, the
 * others are forgotten, and the models begin anew with those.
 */
import {
  areAskable,
  codeFacts,
  countSeqs,
  type Draft,
  everything,
  hasNames,
  intersect,
  isOfNames,
  isSameFilter,
  type ObjectFilter,
  objectKey,
  Refusal,
  type SeqRanges,
  type TapeEvent,
} from '../../protocol/index.ts'
import { ask } from '../link/ask.ts'
import { retryDelayMs } from '../link/connection.ts'
import type { ClientParts } from '../link/token-keeper.ts'
import { ReadFailure } from '../link/transport.ts'
import type { LocalTape } from '../storage/store.ts'
import { socketEventsMax } from './backfill-plan.ts'
import { holesOf } from './local-tape.ts'
import { distinct, missingOfLeaving, partsOf, retarget, withParts } from './parts.ts'

export interface WantingHooks {
  readonly tape: () => LocalTape
  /** Everything that is kept of the tape. May reject. */
  readonly events: () => Promise<readonly TapeEvent[]>
  /** The drafts that wait. */
  readonly pending: () => readonly Draft[]
  /** Other parts of the tape are wanted; nothing that is held is given up. */
  readonly onSelect: (tape: LocalTape) => void
  /** Only this is held from now on. */
  readonly onNarrow: (tape: LocalTape, events: readonly TapeEvent[]) => void
}

/** Before what is not wanted any more is let go of. */
export const narrowAfterMs = 10_000

/** The tab that speaks for itself. */
const here = ''

export class Wanting {
  readonly #hooks: WantingHooks
  readonly #parts: ClientParts
  readonly #byTab = new Map<string, readonly ObjectFilter[]>()
  /** Whether the store has been read. Before, nothing is known of what is held. */
  #hasBegun = false
  #isOnline = false
  #isNarrowing = false
  #isDue = false
  #failures = 0
  #timer: unknown

  constructor(filters: readonly ObjectFilter[], hooks: WantingHooks, parts: ClientParts) {
    this.#byTab.set(here, filters)
    this.#hooks = hooks
    this.#parts = parts
  }

  /** The most urgent first: of each tab what it wants first, this one's before the others', then of each what it wants next. */
  get filters(): readonly ObjectFilter[] {
    const lists = [...this.#byTab.values()]
    const ranks = Array.from({ length: Math.max(0, ...lists.map(({ length }) => length)) }, (_, rank) => rank)
    const filters = distinct(ranks.flatMap((rank) => lists.flatMap((list) => list.slice(rank, rank + 1))))
    return areAskable(filters) ? filters : [everything]
  }

  /** A tab wants this now, and nothing when it is gone. */
  want(filters: readonly ObjectFilter[] | undefined, tab = here): void {
    if (filters === undefined) this.#byTab.delete(tab)
    else this.#byTab.set(tab, filters)
    this.#select()
  }

  /** The store has been read. */
  begin(): void {
    this.#hasBegun = true
    this.#select()
  }

  online(): void {
    this.#isOnline = true
    const tape = this.#hooks.tape()
    // A few events come on the link, whatever parts they are of. Parts would take another link, and one more when they are whole.
    if (countSeqs(holesOf(tape)) > socketEventsMax) this.#select()
    else this.#wait(this.#selection(tape).afterMs)
  }

  offline(): void {
    this.#isOnline = false
    this.#wait(undefined)
  }

  /** Takes up what is wanted and not held, and sees to it that the rest is let go of. */
  #select(): void {
    if (!this.#hasBegun) return
    const tape = this.#hooks.tape()
    const { selected, afterMs } = this.#selection(tape)
    if (!areSameParts(tape, selected)) this.#hooks.onSelect(selected)
    this.#wait(afterMs)
  }

  /** The tape with all that is wanted, and when to let go of what is not; undefined when there is nothing of that. */
  #selection(tape: LocalTape): { readonly selected: LocalTape; readonly afterMs: number | undefined } {
    const wanted = this.filters
    const { isNarrower } = retarget(tape, wanted)
    const wider = isNarrower ? [...wanted, ...filtersOf(tape)] : wanted
    const selected = retarget(tape, wider).tape
    if (areAskable(filtersOf(selected))) return { selected, afterMs: isNarrower ? narrowAfterMs : undefined }
    // Both are more than can be asked for at once.
    if (isNarrower) return { selected: tape, afterMs: 0 }
    return { selected: retarget(tape, [everything]).tape, afterMs: undefined }
  }

  #wait(afterMs: number | undefined): void {
    const { setTimer, clearTimer } = this.#parts.environment
    clearTimer(this.#timer)
    this.#timer = afterMs === undefined || !this.#isOnline ? undefined : setTimer(() => void this.#narrow(), afterMs)
  }

  async #narrow(): Promise<void> {
    if (this.#isNarrowing) {
      this.#isDue = true
      return
    }
    this.#isNarrowing = true
    try {
      await this.#letGo()
      this.#failures = 0
    } catch (error) {
      this.#fail(error)
    }
    this.#isNarrowing = false
    if (this.#isDue) {
      this.#isDue = false
      this.#select()
    }
  }

  async #letGo(): Promise<void> {
    const tape = this.#hooks.tape()
    const { epoch } = tape
    const wanted = this.filters
    // The tape may have begun anew meanwhile.
    if (epoch === null || !retarget(tape, wanted).isNarrower) return
    if (isAboutToBeWhole(tape, wanted)) return this.#wait(narrowAfterMs)
    const listed = await this.#list(wanted, epoch)
    // What comes while the store is read may be among the events or not: it is asked for again.
    const before = this.#hooks.tape()
    const events = await this.#hooks.events()
    const isStillSo = before.epoch === epoch && this.#hooks.tape().epoch === epoch && areSameFilters(wanted, this.filters)
    if (!isStillSo) return this.#select()
    if (isAboutToBeWhole(before, wanted)) return this.#wait(narrowAfterMs)
    const belongs = ({ collection, identifier }: Pick<Draft, 'collection' | 'identifier'>) =>
      wanted.some((filter) => isOfNames(filter) && hasNames(filter, { collection, identifier })) ||
      listed.keys.has(objectKey({ collection, identifier }))
    // Until deltas are on the tape they are taken over what others do to their objects, which comes only while it is wanted.
    if (!this.#hooks.pending().every((draft) => draft.deltas === undefined || belongs(draft))) return this.#wait(narrowAfterMs)
    // Of what has come since the list was made it is not known whether it belongs.
    const { tape: narrower } = retarget(upTo(before, Math.min(before.latestSeq, listed.latestSeq)), wanted)
    this.#hooks.onNarrow({ ...narrower, latestSeq: before.latestSeq }, events.filter(belongs))
  }

  /** The objects that their values make belong, as the tape is now. */
  async #list(wanted: readonly ObjectFilter[], epoch: string) {
    const filters = wanted.filter((filter) => !isOfNames(filter))
    if (filters.length === 0) return { keys: new Set<string>(), latestSeq: Number.POSITIVE_INFINITY }
    const { objects, latestSeq } = await ask(this.#parts, (asking) => this.#parts.transport.readObjects({ ...asking, filters, epoch }))
    return { keys: new Set(objects.map(([collection, identifier]) => objectKey({ collection, identifier }))), latestSeq }
  }

  #fail(error: unknown): void {
    const recovery = error instanceof Refusal ? codeFacts(error.code).recovery : 'retry'
    if (error instanceof Refusal && error.code === 'wrong-epoch') return
    // Then more is held than is wanted, and kept up to date.
    if (recovery === 'fatal') return this.#parts.environment.report(error)
    if (!(error instanceof Refusal || error instanceof ReadFailure)) this.#parts.environment.report(error)
    this.#wait(narrowAfterMs + retryDelayMs(this.#failures++, this.#parts.environment.random()))
  }
}

/** Without the little that is lacking of what leaves, others would have to be read anew. */
function isAboutToBeWhole(tape: LocalTape, wanted: readonly ObjectFilter[]): boolean {
  const missing = missingOfLeaving(tape, wanted)
  return missing > 0 && missing <= socketEventsMax
}

function areSameParts(a: LocalTape, b: LocalTape): boolean {
  return areSameFilters(filtersOf(a), filtersOf(b))
}

function filtersOf(tape: LocalTape): readonly ObjectFilter[] {
  return partsOf(tape).map(({ filter }) => filter)
}

function areSameFilters(a: readonly ObjectFilter[], b: readonly ObjectFilter[]): boolean {
  return a.length === b.length && a.every((filter, index) => isSameFilter(filter, b[index] ?? {}))
}

/** The tape as it was when it ended there. */
function upTo(tape: LocalTape, latestSeq: number): LocalTape {
  const whole: SeqRanges = [[0, latestSeq]]
  return withParts(
    { ...tape, latestSeq },
    partsOf(tape).map(({ filter, accounted }) => ({ filter, accounted: intersect(accounted, whole) })),
  )
}
