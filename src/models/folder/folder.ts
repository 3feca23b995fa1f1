/**
 * Files by their paths. Each is an object: its path, its content in parts that fit events, and the content's hash. A change
 * of its content is deltas of those parts, and says that nobody else has changed it since: of two who change one file at
 * the same time the second is refused, and `keepBeside` keeps what it wrote beside the first.
 *
 *   write(path, content) ─► difference to what is there ─► one update: deltas, the new hash
 *                                                          or several, the first without a hash, the last with it
 *
 * Whoever reads them has the old content, or none while it is on its way, or the new one; its hash says that it is whole.
 */
import type { ApplyContext, ModelReconciler, OutboundEventReceiver } from '../../client/reconciler.ts'
import type { Change, Draft, SeqRanges, TapeEvent } from '../../protocol/index.ts'
import { Listeners } from '../listeners.ts'
import { newShortIdentifier } from '../new-identifier.ts'
import { StampedObjects } from '../objects/stamped-objects.ts'
import { bytesOf, insertsOf, updatesOf } from './file-changes.ts'
import { contentsOf, type FileRecord, hashOf } from './file-record.ts'
import { FolderListing } from './folder-listing.ts'
import {
  type Added,
  FolderError,
  type FolderFile,
  type FolderOptions,
  fileBytesMax,
  type NewFile,
  type WriteOptions,
  type Written,
} from './folder-options.ts'
import { joinParts } from './parts.ts'
import { foldersOf, freePath, problemOfPath, twinKey } from './paths.ts'

const expectSamePath = { unchanged: ['path'] } as const

export class Folder implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly collections: readonly string[]
  readonly #collection: string
  readonly #options: FolderOptions
  readonly #objects: StampedObjects
  readonly #listing: FolderListing
  readonly #listeners = new Listeners()
  #isReady = false
  #holes: SeqRanges = []

  constructor(collection: string, options: FolderOptions = {}) {
    this.collections = [collection]
    this.#collection = collection
    this.#options = options
    this.#objects = new StampedObjects(collection)
    this.#listing = new FolderListing(this.#objects)
  }

  /** All files, by path: the same array until something changes. */
  get list(): readonly FolderFile[] {
    return this.#listing.current.files
  }

  get(path: string): FolderFile | undefined {
    return this.#listing.current.byPath.get(path)
  }

  /** Whether a file was there and has been removed, as far as it is known here. */
  isRemoved(identifier: string): boolean {
    const { since, isAlive } = this.#objects.state(identifier)
    return since.seq >= 0 && !isAlive
  }

  /** Whether the store has been read, so that files can be written. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Calls `listener` once after each run that changed something, until the function that it gives is called. */
  readonly subscribe = this.#listeners.subscribe

  /** The whole content. Throws a `FolderError`: `not-found`, `incomplete` while it is on its way, `damaged` when it is not what its hash says. */
  read(path: string): Uint8Array {
    const { file, record } = this.#found(path)
    if (!file.isComplete)
      throw new FolderError('incomplete', path, 'Its content is on its way, or its writer has gone. Read it later, or write it anew.')
    const content = joinParts(contentsOf(record))
    if (hashOf(content) !== record.hash) throw new FolderError('damaged', path, 'Its content is not what its hash says. Write it anew.')
    return content
  }

  /**
   * Makes this the content of the file, which is made where there is none, and gives what that takes. Nothing is sent when
   * it has that content. Throws a `FolderError`, and then nothing has happened: `bad-path`, `twin`, `too-large`,
   * `not-ready`, and `changed` when the file has another content than `basedOn`.
   */
  write(path: string, content: Uint8Array, { basedOn }: WriteOptions = {}): Written {
    this.#checkWritable(path)
    checkSize(path, content)
    const hash = hashOf(content)
    const file = this.get(path)
    if (basedOn !== undefined && file?.hash !== basedOn && file?.hash !== hash) {
      throw new FolderError('changed', path, 'It has another content by now than the one that this is based on.')
    }
    if (file === undefined) {
      this.#checkNoTwin(path)
      return this.add(path, content)
    }
    if (file.isComplete && file.hash === hash) return { path, hash, bytes: 0 }
    this.#checkSettled(file)
    const before = file.isComplete ? contentsOf(this.#found(path).record) : []
    const { identifier } = file
    const updates = updatesOf({ collection: this.#collection, identifier }, before, { content, hash })
    this.#vend(updates)
    return { path, hash, bytes: bytesOf(updates) }
  }

  /** Gives a file another path. Throws a `FolderError`: `not-found`, `bad-path`, `twin`, `not-ready`. */
  rename(path: string, to: string): void {
    this.#checkWritable(to)
    const { file } = this.#found(path)
    if (path === to) return
    this.#checkSettled(file)
    // It may become another spelling of itself.
    if (twinKey(path) !== twinKey(to)) this.#checkNoTwin(to)
    this.#vend([
      { type: 'update', collection: this.#collection, identifier: file.identifier, values: { path: to }, expect: expectSamePath },
    ])
  }

  /** Deletes a file; refused, and undone, when somebody else has changed it meanwhile. Throws a `FolderError`: `not-found`, `not-ready`. */
  remove(path: string): void {
    this.#checkReady(path)
    const { file } = this.#found(path)
    this.#checkSettled(file)
    this.#vend([{ type: 'delete', collection: this.#collection, identifier: file.identifier, expect: { unchanged: true } }])
  }

  /**
   * Makes a new file, whatever is there: under this path, or, where that cannot be, beside it, as `notes (2).txt`. Throws a
   * `FolderError`: `bad-path`, `too-large`, `not-ready`.
   */
  add(path: string, content: Uint8Array): Added {
    return this.addAll([{ path, content }])[0] as Added
  }

  /** Makes several at once, of which the models are told once. Throws like `add`, and then none is made. */
  addAll(files: readonly NewFile[]): readonly Added[] {
    for (const { path, content } of files) {
      this.#checkWritable(path)
      checkSize(path, content)
    }
    const { newIdentifier = newShortIdentifier } = this.#options
    const { byKey, folders } = this.#listing.current
    const [keys, parents] = [new Set(byKey.keys()), new Set(folders)]
    const isTaken = (key: string) => keys.has(key) || parents.has(key)
    const added = files.map(({ path, content }) => {
      // A file that has the name of one of its folders makes way.
      const free = isTaken(twinKey(path)) ? freePath(path, isTaken) : path
      keys.add(twinKey(free))
      for (const folder of foldersOf(free)) parents.add(twinKey(folder))
      const identifier = newIdentifier()
      const hash = hashOf(content)
      const changes = insertsOf({ collection: this.#collection, identifier }, { path: free, content, hash })
      return { identifier, path: free, hash, changes }
    })
    this.#vend(added.flatMap(({ changes }) => changes))
    return added.map(({ changes, ...file }) => ({ ...file, bytes: bytesOf(changes) }))
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[], context: ApplyContext): void {
    const isReady = context.client !== '' && context.isHeldBack !== true
    // What lies beneath a hole may be whole once that is filled.
    const isNews = isReady !== this.#isReady || context.holes !== this.#holes
    this.#isReady = isReady
    this.#holes = context.holes
    const { touched } = this.#objects.apply(events, pending, context)
    for (const identifier of touched) this.#report(identifier)
    if (touched.size > 0 || isNews) this.#changed()
  }

  reset(): void {
    this.#objects.reset()
    this.#changed()
  }

  #changed(): void {
    this.#listing.changed()
    this.#listeners.tell()
  }

  #report(identifier: string): void {
    const object = this.#objects.get(identifier)
    const record = object === undefined ? undefined : this.#listing.recordOf(object)
    if (record !== undefined && 'problem' in record) this.#options.onProblem?.({ type: 'malformed', identifier, ...record })
  }

  #found(path: string): { readonly file: FolderFile; readonly record: FileRecord } {
    const file = this.get(path)
    const object = file === undefined ? undefined : this.#objects.get(file.identifier)
    const record = object === undefined ? undefined : this.#listing.recordOf(object)
    if (file === undefined || record === undefined || 'problem' in record) {
      throw new FolderError('not-found', path, 'There is no such file.')
    }
    return { file, record }
  }

  #checkReady(path: string): void {
    if (this.receiver === undefined) throw new Error('Attach the folder to a stream first: stream.attach(folder).')
    if (!this.#isReady)
      throw new FolderError('not-ready', path, 'It is not known yet what is there: wait until the folder is ready (isReady, subscribe).')
  }

  /** What is made on anything but the tape and what will come on it would be refused, or spoil the file. */
  #checkSettled({ identifier, path }: FolderFile): void {
    if (!this.#objects.isSettled(identifier)) throw new FolderError('not-ready', path, 'Something from before it is still on its way.')
    if (this.#objects.isOvertaken(identifier)) {
      throw new FolderError('not-ready', path, 'Somebody else was faster, and a change of it is about to be refused.')
    }
  }

  #checkWritable(path: string): void {
    this.#checkReady(path)
    const problem = problemOfPath(path)
    if (problem !== undefined) throw new FolderError('bad-path', path, problem)
  }

  #checkNoTwin(path: string): void {
    const problem = this.#listing.twinOf(path)
    if (problem !== undefined) throw new FolderError('twin', path, problem)
  }

  #vend(changes: readonly Change[]): void {
    const { version = 1 } = this.#options
    const versioned = version === 1 ? changes : changes.map((change) => ({ ...change, version }))
    const { receiver } = this
    if (receiver?.didCreateDrafts !== undefined && versioned.length > 1) receiver.didCreateDrafts(versioned)
    else for (const change of versioned) receiver?.didCreateDraft(change)
  }
}

function checkSize(path: string, { length }: Uint8Array): void {
  if (length > fileBytesMax) throw new FolderError('too-large', path, `It has ${length} bytes, and a file ${fileBytesMax} at most.`)
}
