/**
 * Keeps a directory and a folder in step, both ways. Whenever one of them has changed, both are looked at as a whole: what
 * was missed, by a watcher or while nothing ran, is found the same way.
 */
import { join } from 'node:path'
import { watch } from 'chokidar'
import type { StreamStatus } from '../../client/index.ts'
import { type Folder, FolderError, hashOf } from '../../models/index.ts'
import { BaseFile } from './base-file.ts'
import { type Disk, DiskError, type DiskFile, type DiskProblem, ownDirectory } from './disk.ts'
import { type Action, type Base, type Local, plan } from './plan.ts'

/** What is needed of a stream. */
export interface SyncStream {
  readonly status: StreamStatus
  subscribe(listener: () => void): () => void
  discard(place: number): void
}

export type SyncNews =
  /** `bytes`: what the change took. */
  | { readonly type: 'sent'; readonly path: string; readonly bytes: number; readonly size: number }
  | { readonly type: 'received'; readonly path: string; readonly size: number }
  | { readonly type: 'renamed' | 'removed'; readonly path: string; readonly to?: string }
  /** Somebody else has changed it, too: what was here is at `to`, in both. */
  | { readonly type: 'kept'; readonly path: string; readonly to: string }
  /** It is left alone. */
  | { readonly type: 'problem'; readonly path: string; readonly problem: string }
  | { readonly type: 'trouble'; readonly error: unknown }

export interface FolderSyncOptions {
  readonly folder: Folder
  readonly stream: SyncStream
  readonly onNews?: ((news: SyncNews) => void) | undefined
}

/** Several changes at once are looked at once. */
const gatherMs = 50
const retryMs = 2000
const chunkFiles = 200
const chunkBytes = 4 * 1024 * 1024
/** More would only wait in memory. */
const waitingBytesMax = 64 * 1024 * 1024

export class FolderSync {
  readonly #disk: Disk
  readonly #folder: Folder
  readonly #stream: SyncStream
  readonly #onNews: (news: SyncNews) => void
  readonly #file: BaseFile
  readonly #bases: Map<string, Base>
  /** The hash of each file, as long as it has the mark under which it was read. */
  readonly #hashes = new Map<string, { readonly mark: string; readonly hash: string }>()
  readonly #told = new Map<string, string>()
  readonly #ends: (() => unknown)[] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #pass: Promise<void> | undefined
  #isDue = false
  #hasBeenOnline = false
  #isEnded = false
  #onGone: (error: unknown) => void = () => {}
  /** Never resolves; rejects with a `DiskError` when the directory is gone. Then nothing is done any more. */
  readonly ended: Promise<never> = new Promise((_, reject) => {
    this.#onGone = reject
  })
  #settling: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []

  private constructor(disk: Disk, file: BaseFile, { bases, options }: { bases: Map<string, Base>; options: FolderSyncOptions }) {
    this.#disk = disk
    this.#file = file
    this.#bases = bases
    this.#folder = options.folder
    this.#stream = options.stream
    this.#onNews = options.onNews ?? (() => {})
    // Whoever does not wait for it is told of it as of any trouble.
    this.ended.catch(() => {})
  }

  /**
   * Begins to keep a directory in step with a folder that is attached to a stream. `name` tells streams apart that the same
   * directory is kept in step with.
   */
  static async start(disk: Disk, name: string, options: FolderSyncOptions): Promise<FolderSync> {
    const file = new BaseFile(disk.ownFile(`${name}.json`))
    const sync = new FolderSync(disk, file, { bases: await file.read(), options })
    await sync.#watch()
    return sync
  }

  /** Resolves when both are in step, and all of it is on the tape. Rejects when the directory is gone. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settling.push({ resolve, reject })
      this.#soon()
    })
  }

  async stop(): Promise<void> {
    this.#isEnded = true
    clearTimeout(this.#timer)
    for (const end of this.#ends) await end()
    await this.#pass
  }

  async #watch(): Promise<void> {
    const look = () => this.#soon()
    const ignored = (path: string) => path.startsWith(join(this.#disk.root, ownDirectory))
    const watcher = watch(this.#disk.root, { ignoreInitial: true, followSymlinks: false, ignored })
    watcher.on('all', look)
    watcher.on('error', (error) => this.#onNews({ type: 'trouble', error }))
    this.#ends.push(() => watcher.close(), this.#folder.subscribe(look), this.#stream.subscribe(look))
    await new Promise<void>((resolve) => watcher.once('ready', () => resolve()))
    this.#soon()
  }

  #soon(afterMs = gatherMs): void {
    if (this.#isEnded) return
    if (this.#pass !== undefined) {
      this.#isDue = true
      return
    }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#pass = this.#look().finally(() => {
        this.#pass = undefined
        if (this.#isDue) this.#soon()
        this.#isDue = false
      })
    }, afterMs)
  }

  /** Everything that is known there has come, so that what is missing there was removed. */
  get #isCaughtUp(): boolean {
    const { connection, holes } = this.#stream.status
    this.#hasBeenOnline ||= connection === 'online'
    return this.#folder.isReady && holes.length === 0 && this.#hasBeenOnline
  }

  async #look(): Promise<void> {
    try {
      await this.#disk.check()
      if (!this.#isCaughtUp) return
      this.#giveUpRefused()
      const { here, problems } = await this.#here()
      const { actions, problems: left } = plan({
        bases: this.#bases,
        here,
        there: this.#folder.list,
        isRemoved: (identifier) => this.#folder.isRemoved(identifier),
      })
      this.#tell([...problems, ...left])
      let isAllDone = true
      for (const action of actions) {
        if (!isAdding(action)) isAllDone = (await this.#try(() => this.#do(action))) && isAllDone
      }
      for (const locals of chunksOf(actions.filter(isAdding).map(({ local }) => local))) {
        isAllDone = (await this.#try(() => this.#add(locals))) && isAllDone
      }
      if (actions.length > 0) await this.#file.write(this.#bases)
      this.#checkSettled(actions, isAllDone)
    } catch (error) {
      if (!(error instanceof DiskError && error.code === 'gone')) {
        this.#onNews({ type: 'trouble', error })
        return this.#again()
      }
      // Nothing is concluded from a directory that is not there.
      this.#isEnded = true
      this.#onGone(error)
      for (const { reject } of this.#settling.splice(0)) reject(error)
    }
  }

  #again(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#soon(), retryMs)
  }

  #checkSettled(actions: readonly Action[], isAllDone: boolean): void {
    if (!isAllDone) return this.#again()
    if (actions.length > 0) this.#isDue = true
    else if (
      this.#stream.status.pending === 0 &&
      this.#stream.status.connection === 'online' &&
      this.#folder.list.every(({ isComplete }) => isComplete)
    ) {
      for (const { resolve } of this.#settling.splice(0)) resolve()
    }
  }

  /** What was refused because somebody else was faster is here still, and is compared with what they did. */
  #giveUpRefused(): void {
    for (const { place, draft, code } of this.#stream.status.refused) {
      const isOvertaken = code === 'expect-failed' || code === 'catch-up-first' || code === 'wrong-epoch'
      if (isOvertaken && this.#folder.collections.includes(draft.collection)) this.#stream.discard(place)
    }
  }

  async #here(): Promise<{ readonly here: ReadonlyMap<string, Local>; readonly problems: readonly DiskProblem[] }> {
    const { files, problems } = await this.#disk.scan()
    const marks = new Map(Array.from(this.#bases.values(), (base) => [base.path, base]))
    const here = new Map<string, Local>()
    for (const [path, file] of files) {
      const known = this.#hashes.get(path) ?? marks.get(path)
      const hash = known?.mark === file.mark ? known.hash : await this.#hash(file)
      here.set(path, { file, hash })
    }
    return { here, problems }
  }

  async #hash(file: DiskFile): Promise<string> {
    const hash = hashOf(await this.#disk.read(file))
    if (file.isFresh) this.#again()
    else this.#hashes.set(file.path, { mark: file.mark, hash })
    return hash
  }

  #tell(problems: readonly DiskProblem[]): void {
    const now = new Map(problems.map(({ path, problem }) => [path, problem]))
    for (const path of [...this.#told.keys()]) if (!now.has(path)) this.#told.delete(path)
    for (const [path, problem] of now) {
      if (this.#told.get(path) === problem) continue
      this.#told.set(path, problem)
      this.#onNews({ type: 'problem', path, problem })
    }
  }

  /** Whether it is done: what has changed meanwhile is looked at again. */
  async #try(work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof DiskError && error.code === 'gone') throw error
      const isOvertaken =
        (error instanceof FolderError || error instanceof DiskError) && /^(changed|not-ready|not-found|incomplete)$/.test(error.code)
      if (!isOvertaken) this.#onNews({ type: 'trouble', error })
      return false
    }
  }

  async #do(action: Exclude<Action, Adding>): Promise<boolean> {
    switch (action.type) {
      case 'note':
        this.#note(action.identifier, action.base)
        return true
      case 'write':
        return this.#write(action)
      case 'rename': {
        const { remote, local } = action
        try {
          this.#folder.rename(remote.path, local.file.path)
        } catch (error) {
          // It goes beside what has that path; the old one is removed then.
          if (error instanceof FolderError && error.code === 'twin') return await this.#add([local])
          throw error
        }
        this.#note(remote.identifier, { path: local.file.path, hash: local.hash, mark: local.file.mark })
        this.#onNews({ type: 'renamed', path: remote.path, to: local.file.path })
        return true
      }
      case 'remove':
        this.#folder.remove(action.remote.path)
        this.#onNews({ type: 'removed', path: action.remote.path })
        return true
      default:
        return this.#doHere(action)
    }
  }

  async #doHere(action: Extract<Action, { type: 'write-here' | 'move-here' | 'remove-here' }>): Promise<boolean> {
    if (action.type === 'remove-here') {
      const { path, mark } = action.local.file
      await this.#disk.remove(path, mark)
      this.#note(action.identifier, undefined)
      this.#onNews({ type: 'removed', path })
      return true
    }
    const { identifier, path, hash = '' } = action.remote
    if (action.type === 'move-here') {
      const from = action.local.file
      const { mark } = await this.#disk.move(from.path, path, from.mark)
      this.#note(identifier, { path, hash, mark })
      this.#onNews({ type: 'renamed', path: from.path, to: path })
      return true
    }
    const content = this.#folder.read(path)
    const before = action.before?.file
    // Where it has another path by now it is moved there afterwards.
    const place = before?.path ?? path
    const { mark } = await this.#disk.write(place, content, before?.mark)
    this.#note(identifier, { path: place, hash: hashOf(content), mark })
    this.#onNews({ type: 'received', path: place, size: content.length })
    return true
  }

  /** Adds files under their paths, or, where other ones have those, beside them, in both. */
  async #add(locals: readonly Local[]): Promise<boolean> {
    if (this.#isFull) return false
    const read: { readonly local: Local; readonly content: Uint8Array }[] = []
    for (const local of locals) {
      const content = await this.#disk.read(local.file).catch(ifChanged)
      if (content !== undefined && hashOf(content) === local.hash) read.push({ local, content })
    }
    const added = this.#folder.addAll(read.map(({ local, content }) => ({ path: local.file.path, content })))
    for (const [index, { identifier, path, hash, bytes }] of added.entries()) {
      const { local, content } = read[index] as (typeof read)[number]
      const { file } = local
      const { mark } = path === file.path ? file : await this.#disk.move(file.path, path, file.mark)
      if (path !== file.path) this.#onNews({ type: 'kept', path: file.path, to: path })
      this.#note(identifier, { path, hash, mark, isNew: true })
      this.#onNews({ type: 'sent', path, bytes, size: content.length })
    }
    return read.length === locals.length
  }

  async #write({ remote, local, basedOn }: Extract<Action, { type: 'write' }>): Promise<boolean> {
    if (this.#isFull) return false
    const content = await this.#disk.read(local.file)
    if (hashOf(content) !== local.hash) return false
    const { bytes } = this.#folder.write(remote.path, content, { basedOn })
    this.#onNews({ type: 'sent', path: remote.path, bytes, size: content.length })
    return true
  }

  get #isFull(): boolean {
    return this.#stream.status.outbox.bytes > waitingBytesMax
  }

  #note(identifier: string, base: Base | undefined): void {
    if (base === undefined) this.#bases.delete(identifier)
    else this.#bases.set(identifier, base)
  }
}

type Adding = Extract<Action, { type: 'add' | 'keep-beside' }>

function isAdding(action: Action): action is Adding {
  return action.type === 'add' || action.type === 'keep-beside'
}

/** So many at once, or so large together, that the models are told of few. */
function* chunksOf(locals: readonly Local[]): Iterable<readonly Local[]> {
  let chunk: Local[] = []
  let bytes = 0
  for (const local of locals) {
    chunk.push(local)
    bytes += local.file.size
    if (chunk.length < chunkFiles && bytes < chunkBytes) continue
    yield chunk
    chunk = []
    bytes = 0
  }
  if (chunk.length > 0) yield chunk
}

function ifChanged(error: unknown): undefined {
  if (!(error instanceof DiskError && error.code === 'changed')) throw error
  return undefined
}
