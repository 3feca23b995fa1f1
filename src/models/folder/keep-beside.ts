/**
 * What becomes of changes that were refused because somebody else had changed their file: a content is kept as a file
 * beside the other one, and a new path or a deletion is given up, as what they were meant for has changed.
 *
 * What a refused change made of its file is worked out from what its maker had seen, read off the tape, so it needs
 * nothing but the refused drafts, which outlast a restart.
 */
import {
  applyEvent,
  applyToObject,
  type Code,
  type Draft,
  type Json,
  type ObjectState,
  settle,
  type TapeEvent,
  toWrite,
  unborn,
} from '../../protocol/index.ts'
import { firstPendingSeq } from '../objects/pending-drafts.ts'
import { contentsOf, type FileRecord, hashOf, readFileRecord } from './file-record.ts'
import type { Folder } from './folder.ts'
import { joinParts } from './parts.ts'

/** What is needed of a stream. */
export interface RefusingStream {
  readonly client: string
  readonly latestSeq: number
  readonly status: { readonly refused: readonly { readonly place: number; readonly draft: Draft; readonly code: Code }[] }
  read(): Promise<readonly TapeEvent[]>
  discard(place: number): void
  subscribe(listener: () => void): () => void
}

export interface KeepBesideOptions {
  /** Told of each content that was kept, and where. */
  readonly onKept?: ((kept: { readonly path: string; readonly beside: string }) => void) | undefined
  /** Told of what could not be: the changes stay among the refused ones, and are looked at again when something happens. */
  readonly onError?: ((error: unknown) => void) | undefined
}

type Refused = RefusingStream['status']['refused'][number]

/** Does so from now on, until the function that it gives is called. */
export function keepBeside(folder: Folder, stream: RefusingStream, options: KeepBesideOptions = {}): () => void {
  const keeper = new Keeper(folder, stream, options)
  const look = () => void keeper.look()
  const ends = [stream.subscribe(look), folder.subscribe(look)]
  look()
  return () => {
    keeper.isEnded = true
    for (const end of ends) end()
  }
}

class Keeper {
  readonly #folder: Folder
  readonly #stream: RefusingStream
  readonly #options: KeepBesideOptions
  /** What was kept of a file last: what is refused later may lie on that. */
  readonly #kept = new Map<string, ObjectState>()
  /** The places of what could not be kept, and how far the tape went then. */
  readonly #failed = new Map<number, number>()
  #isLooking = false
  isEnded = false

  constructor(folder: Folder, stream: RefusingStream, options: KeepBesideOptions) {
    this.#folder = folder
    this.#stream = stream
    this.#options = options
  }

  async look(): Promise<void> {
    if (this.#isLooking || this.isEnded || !this.#folder.isReady) return
    this.#isLooking = true
    try {
      for (let files = this.#refused(); files.size > 0 && !this.isEnded; files = this.#refused()) {
        const events = await this.#eventsOf(files)
        for (const [identifier, refused] of files) {
          if (!this.isEnded) this.#settle(identifier, refused, events.get(identifier) ?? [])
        }
      }
    } catch (error) {
      if (!this.isEnded) this.#options.onError?.(error)
    } finally {
      this.#isLooking = false
    }
  }

  /** The refused changes of each file, in order. */
  #refused(): ReadonlyMap<string, readonly Refused[]> {
    const files = new Map<string, Refused[]>()
    for (const refused of this.#stream.status.refused) {
      const { draft, code, place } = refused
      // What it lies on may come yet.
      if (this.#failed.get(place) === this.#stream.latestSeq) continue
      const isOvertaken = code === 'expect-failed' || code === 'catch-up-first'
      if (!isOvertaken || !this.#folder.collections.includes(draft.collection)) continue
      const file = files.get(draft.identifier)
      if (file === undefined) files.set(draft.identifier, [refused])
      else file.push(refused)
    }
    for (const file of files.values()) file.sort((a, b) => a.place - b.place)
    return files
  }

  /** What the tape has of each file of which a content was refused, in one read. */
  async #eventsOf(files: ReadonlyMap<string, readonly Refused[]>): Promise<ReadonlyMap<string, readonly TapeEvent[]>> {
    const events = new Map<string, TapeEvent[]>()
    for (const [identifier, refused] of files) if (refused.some(({ draft }) => writesContent(draft))) events.set(identifier, [])
    if (events.size === 0) return events
    for (const event of await this.#stream.read()) {
      if (this.#folder.collections.includes(event.collection)) events.get(event.identifier)?.push(event)
    }
    return events
  }

  #settle(identifier: string, refused: readonly Refused[], events: readonly TapeEvent[]): void {
    const drafts = refused.map(({ draft }) => draft)
    if (drafts.some(writesContent)) {
      // One that got through before a restart, which was not known any more.
      const isOnTape = (hash: Json | undefined) => typeof hash === 'string' && events.some(({ values }) => values?.hash === hash)
      const lacking = drafts.filter(({ values }) => !isOnTape(values?.hash))
      for (const attempt of attemptsOf(lacking, events, this.#stream.client)) {
        const base = seenBy(attempt[0], events, this.#stream.client)
        const written = writtenOn([base, this.#kept.get(identifier)], attempt)
        if (written === undefined) {
          for (const { place } of refused) this.#failed.set(place, this.#stream.latestSeq)
          throw new Error(`What was refused of the file ${identifier} is not what its hash says: it is not kept yet.`)
        }
        for (const state of written) {
          this.#keep(state, { identifier, before: base.values.hash })
          this.#kept.set(identifier, state)
        }
      }
    }
    for (const { place } of refused) this.#stream.discard(place)
  }

  #keep(state: ObjectState, { identifier, before }: { readonly identifier: string; readonly before: Json | undefined }): void {
    const folder = this.#folder
    const record = readFileRecord(state.values) as FileRecord
    // It was kept already, or somebody else has written the same.
    if (folder.list.some(({ hash }) => hash === record.hash)) return
    const content = joinParts(contentsOf(record))
    const now = folder.list.find((file) => file.identifier === identifier)
    // Nobody was faster: it was only too far behind.
    if (now?.hash !== undefined && now.hash === before) return void folder.write(now.path, content, { basedOn: now.hash })
    const { path } = folder.add(record.path, content)
    this.#options.onKept?.({ path: record.path, beside: path })
  }
}

function writesContent(draft: Draft | undefined): boolean {
  return draft?.values !== undefined && Object.hasOwn(draft.values, 'hash')
}

type Attempt = readonly [Draft, ...Draft[]]

/** Cuts the refused changes of a file where their maker had heard of what stood in the way, and begun anew on that. */
function attemptsOf(drafts: readonly Draft[], events: readonly TapeEvent[], client: string): readonly Attempt[] {
  const inTheWay = events.filter((event) => event.client !== client && (event.type !== 'update' || writesContent(event)))
  const attempts: [Draft, ...Draft[]][] = []
  for (const draft of drafts) {
    const last = attempts.at(-1)
    const seen = last?.[0].seen ?? draft.seen
    if (last === undefined || inTheWay.some(({ seq }) => seq > seen && seq <= draft.seen)) attempts.push([draft])
    else last.push(draft)
  }
  return attempts
}

/** The file on the tape as the maker of this change saw it, with its own events that it did not know to be there. */
function seenBy({ seen }: Draft, events: readonly TapeEvent[], client: string): ObjectState {
  let state = unborn
  for (const event of events) {
    if (event.seq <= seen || (event.client === client && event.seen <= seen)) state = settle(applyEvent(state, event), isAlways)
  }
  return state
}

/**
 * The file with each of the contents that these changes made of it. Each was made on what was there, or on the one before
 * it, when that had not been refused yet: its hash tells. (Only of one that lies on another is it known that nobody wants
 * the other any more.) Undefined where it was made on neither.
 */
function writtenOn(
  [base, kept = base]: readonly [ObjectState, ObjectState | undefined],
  drafts: Attempt,
): readonly ObjectState[] | undefined {
  const written: ObjectState[] = []
  let made: readonly Draft[] = []
  for (const draft of drafts) {
    if (draft.type === 'delete') continue
    made = [...made, draft]
    if (typeof draft.values?.hash !== 'string') continue
    const onTape = [base, kept].map((state) => withDrafts(state, made)).find(isWhole)
    const last = written.at(-1)
    const onLast = onTape === undefined && last !== undefined ? withDrafts(last, made) : undefined
    const state = onTape ?? onLast
    if (state === undefined || !isWhole(state)) return undefined
    if (onTape === undefined) written.pop()
    written.push(state)
    made = []
  }
  return written
}

function withDrafts(state: ObjectState, drafts: readonly Draft[]): ObjectState {
  const change = (before: ObjectState, draft: Draft, index: number) => {
    const seq = Math.max(firstPendingSeq, ...Object.values(before.later).map((by) => by.seq)) + index + 1
    return settle(applyToObject(before, draft, toWrite({ ...draft, seq, client: '' })), isAlways)
  }
  return drafts.reduce(change, state)
}

/** Whether the file is one, and its content what its hash says. */
function isWhole({ values }: ObjectState): boolean {
  const record = readFileRecord(values)
  return !('problem' in record) && hashOf(joinParts(contentsOf(record))) === record.hash
}

const isAlways = () => true
