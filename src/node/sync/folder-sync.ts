/**
 * Keeps a directory and a folder in step, both ways. Whenever one of them has changed, both are looked at as a whole: what
 * was missed, by a watcher or while nothing ran, is found the same way.
 */
import { join } from 'node:path'
import { watch } from 'chokidar'
import { type Folder, hashOf } from '../../models/index.ts'
import { BaseFile } from './base-file.ts'
import { type Disk, DiskError, type DiskFile, type DiskProblem, ownDirectory } from './disk.ts'
import type { FolderSyncOptions, SyncNews, SyncStream } from './folder-sync-options.ts'
import { Performer } from './performer.ts'
import { type Action, type Base, type Local, plan } from './plan.ts'

/** Several changes at once are looked at once. */
const gatherMs = 50
const retryMs = 2000

export class FolderSync {
  readonly #disk: Disk
  readonly #folder: Folder
  readonly #stream: SyncStream
  readonly #onNews: (news: SyncNews) => void
  readonly #file: BaseFile
  readonly #bases: Map<string, Base>
  readonly #performer: Performer
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
    this.#performer = new Performer(disk, bases, options)
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
      const isAllDone = await this.#performer.perform(actions)
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
}
