/**
 * What a client keeps: its id, the tape as far as it has it, and its outbox. What changes together is saved
 * together, so whatever instant the process dies, what comes back is a state that existed.
 *
 * A store may be open in several processes (tabs, programs); the one that claimed it last is the one that writes.
 */
import {
  areRanges,
  type Code,
  type Draft,
  type ObjectFilter,
  type RefusalDetails,
  type SeqRanges,
  type TapeEvent,
} from '../../protocol/index.ts'

/** The part of the tape that this client has accounted for. */
export interface LocalTape {
  /** null until the stream is known to exist. */
  readonly epoch: string | null
  readonly latestSeq: number
  readonly accounted: SeqRanges
  /**
   * Seqs whose events have come and cannot be read here: not accounted for, so that a later version of the application
   * asks for them again, and not asked for by this one.
   */
  readonly unreadable?: SeqRanges | undefined
  /** The newest that the server has told of this tape: it is shown when a link is opened. Absent while none has come. */
  readonly mark?: string | undefined
  /**
   * Another tape was known here before this one began, and this one has not been read up to this seq yet. Until it is, nobody
   * can tell where in a text something belongs that is put in now.
   */
  readonly anewTo?: number | undefined
  /** Where not all of the tape is wanted: what is, in order. `accounted` is what all parts have. See parts.ts. */
  readonly parts?: readonly TapePart[] | undefined
}

export interface TapePart {
  readonly filter: ObjectFilter
  readonly accounted: SeqRanges
}

/** Whether that is what was kept as parts of a tape. */
export function areParts(value: unknown): value is readonly TapePart[] {
  const isRecord = (each: unknown) => typeof each === 'object' && each !== null
  const areTexts = (values: unknown) => Array.isArray(values) && values.every((text) => typeof text === 'string')
  const isPart = (part: TapePart) =>
    isRecord(part) && isRecord(part.filter) && Object.values(part.filter).every(areTexts) && areRanges(part.accounted)
  return Array.isArray(value) && value.every(isPart)
}

export const blankTape: LocalTape = { epoch: null, latestSeq: -1, accounted: [] }

/** Nothing of a tape, but which one it is: what the drafts of the outbox have seen, they have seen of that. */
export function blankOf({ epoch, mark }: Pick<LocalTape, 'epoch' | 'mark'>): LocalTape {
  return { ...blankTape, epoch, ...(mark === undefined ? {} : { mark }) }
}

/** A draft that is not on the tape yet. */
export interface OutboxEntry {
  /** Its place in this outbox: rises with each draft. */
  readonly place: number
  readonly draft: Draft
  /** When it was made, or the first that was folded into it, in ms since 1970, for people. */
  readonly madeAt: number
  /** The drafts that were folded into this one, itself included, and their bytes before that. */
  readonly folded: { readonly drafts: number; readonly bytes: number }
  /** Given when it is first sent. */
  readonly counter?: number | undefined
  /** The server refused it: it is kept for the application to decide about, and not sent. */
  readonly refused?: Code | undefined
  /** What the server said about that. */
  readonly refusal?: RefusalNotes | undefined
}

/** What is kept of a refusal, beside its code. */
export type RefusalNotes = Pick<RefusalDetails, 'reason' | 'detail' | 'conflicts'>

/** Reads it back from where it was kept; undefined for anything else. */
export function readRefusalNotes(value: unknown): RefusalNotes | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { reason, detail, conflicts = [] } = value as Readonly<Record<string, unknown>>
  const areTexts = [reason, detail].every((text) => text === undefined || typeof text === 'string')
  return areTexts && areRanges(conflicts) ? value : undefined
}

export interface Saved {
  readonly client: string
  readonly nextCounter: number
  readonly tape: LocalTape
  /** In order of place. */
  readonly outbox: readonly OutboxEntry[]
  /** How many drafts have been taken from each tab that works through another one, by the tab's id. */
  readonly tabs: Readonly<Record<string, number>>
  /** Rows of the outbox that cannot be understood. They stay where they are. */
  readonly unreadable: number
  /** The highest place of the outbox that is taken, by such a row, too; 0 when it is empty. */
  readonly lastPlace: number
}

/** A change of what is saved; what is absent stays as it is. */
export interface SavedChange {
  readonly client?: string
  readonly nextCounter?: number
  readonly tape?: LocalTape
  readonly tabs?: Readonly<Record<string, number>>
  /** Forgets all events, before those of this change are kept. */
  readonly forgetEvents?: boolean
  /** Events to keep: folded, object by object, with those kept before; deltas as far as all of the tape before them has come. */
  readonly events?: readonly TapeEvent[]
  /** Entries to add or to replace, by place. */
  readonly put?: readonly OutboxEntry[]
  /** Places to remove. */
  readonly remove?: readonly number[]
}

export interface ClientStore {
  /** Whether what is saved outlives the process. */
  readonly isDurable: boolean

  /**
   * Makes this the process that writes, under a name of its own. From then on every save of whoever claimed it before
   * rejects with `fenced`, and changes nothing; where the claim is gone altogether, with `cleared`. Rejects with a `StoreFailure` when the store cannot be opened.
   */
  claim(owner: string): Promise<void>

  /** What was saved last, or undefined for a client that never was. Needs no claim. Rejects with a `StoreFailure`. */
  load(): Promise<Saved | undefined>

  /** The events kept so far, folded, in order of seq. Needs no claim. Rejects with a `StoreFailure`. */
  events(): Promise<readonly TapeEvent[]>

  /**
   * Saves all of the change or, when it rejects with a `StoreFailure`, nothing of it. Changes are saved in the order of
   * the calls, and one that is saved is not lost when the process is killed.
   *
   * Gives `shed` when there was no room for what the server has, too: all but that is saved, and the store holds no
   * events and a tape that is blank but for its epoch. It keeps nothing more of the tape from then on, and says so each
   * time, until a change forgets all events or the store is claimed.
   */
  save(change: SavedChange): Promise<void | { readonly shed: true }>

  /** Lets go of files and connections, after the saves that are under way. Nothing may be called after it. */
  close(): Promise<void>
}

/** What keeps a store from doing its work. */
export type StoreTrouble =
  /** There is none here: a private window, a browser without, a folder that cannot be written. */
  | 'unavailable'
  /** Another tab holds an older version of it open. */
  | 'blocked'
  /** A newer version of this library has written it. */
  | 'newer'
  /** No room is left: quota, or disk. */
  | 'full'
  /** What it held is gone: somebody cleared it. Claimed again, it keeps what is saved from then on. */
  | 'cleared'
  /** Another process has claimed it. */
  | 'fenced'
  /** What it holds cannot be understood. */
  | 'unreadable'
  | 'failed'

const troubleTexts: Readonly<Record<StoreTrouble, string>> = {
  unavailable: 'There is no store here that can be opened: what is made is kept in memory, and ends with this page or process.',
  blocked: 'Another tab holds an older version of the store open: close it, or load it again.',
  newer: 'A newer version of this library has written the store: load the application again, or bring it up to date.',
  full: 'There is no room left in the store: free some of the disk, or of the browser’s storage.',
  cleared: 'Somebody has cleared the store: it is filled again with what is here.',
  fenced: 'Another process has claimed the store: work goes on there, and what is made here is not saved.',
  unreadable: 'What the store holds cannot be understood.',
  failed: 'The store has failed: what caused it says why. It is tried again.',
}

export class StoreFailure extends Error {
  readonly trouble: StoreTrouble

  constructor(trouble: StoreTrouble, options?: ErrorOptions) {
    super(troubleTexts[trouble], options)
    this.name = 'StoreFailure'
    this.trouble = trouble
  }
}
