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
import { contentsOf, type FileRecord, hashOf, readFileRecord } from './file-record.ts'
import type { Folder } from './folder.ts'
import { joinParts } from './parts.ts'

/** What is needed of a stream. */
export interface RefusingStream {
  readonly client: string
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
      for (let files = this.#refused(); files.length > 0 && !this.isEnded; files = this.#refused()) {
        for (const drafts of files) await this.#settle(drafts)
      }
    } catch (error) {
      if (!this.isEnded) this.#options.onError?.(error)
    } finally {
      this.#isLooking = false
    }
  }

  /** The refused changes of each file, in order. */
  #refused(): readonly (readonly Refused[])[] {
    const files = new Map<string, Refused[]>()
    for (const refused of this.#stream.status.refused) {
      const { draft, code } = refused
      const isOvertaken = code === 'expect-failed' || code === 'catch-up-first'
      if (!isOvertaken || !this.#folder.collections.includes(draft.collection)) continue
      const file = files.get(draft.identifier)
      if (file === undefined) files.set(draft.identifier, [refused])
      else file.push(refused)
    }
    return Array.from(files.values(), (file) => file.sort((a, b) => a.place - b.place))
  }

  async #settle(refused: readonly Refused[]): Promise<void> {
    const drafts = refused.map(({ draft }) => draft)
    if (drafts.some(writesContent)) {
      const events = await this.#stream.read()
      if (this.isEnded) return
      const own = events.filter(
        ({ collection, identifier }) => collection === drafts[0]?.collection && identifier === drafts[0]?.identifier,
      )
      for (const attempt of attemptsOf(drafts, own, this.#stream.client)) {
        const base = seenBy(attempt[0], own, this.#stream.client)
        for (const record of writtenOn(base, attempt)) this.#keep(record, { identifier: attempt[0].identifier, before: base.values.hash })
      }
    }
    for (const { place } of refused) this.#stream.discard(place)
  }

  #keep(record: FileRecord, { identifier, before }: { readonly identifier: string; readonly before: Json | undefined }): void {
    const folder = this.#folder
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
 * The contents that these changes made of it. Each was made on what was there, or on the one before it, when that had not
 * been refused yet: its hash tells. (Only of one that lies on another is it known that nobody wants the other any more.)
 */
function writtenOn(base: ObjectState, drafts: Attempt): readonly FileRecord[] {
  const written: FileRecord[] = []
  let [onBase, onLast] = [base, base]
  for (const [index, draft] of drafts.entries()) {
    if (draft.type === 'delete') continue
    const change = (state: ObjectState) =>
      settle(applyToObject(state, draft, toWrite({ ...draft, seq: pendingSeq + index, client: '' })), isAlways)
    onBase = change(onBase)
    onLast = change(onLast)
    if (typeof draft.values?.hash !== 'string') continue
    const record = wholeOf(onBase)
    const later = record ?? wholeOf(onLast)
    if (later === undefined) throw new Error(`What was refused of the file ${draft.identifier} is not what its hash says.`)
    if (record === undefined) written.pop()
    else onLast = onBase
    written.push(later)
    onBase = base
  }
  return written
}

/** The file, if its content is what its hash says. */
function wholeOf({ values }: ObjectState): FileRecord | undefined {
  const record = readFileRecord(values)
  return 'problem' in record || hashOf(joinParts(contentsOf(record))) !== record.hash ? undefined : record
}

const isAlways = () => true

/** Beyond the end of every tape. */
const pendingSeq = 2 ** 52
