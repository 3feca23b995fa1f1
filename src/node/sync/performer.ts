/** Carries out a plan, in the directory and in the folder. What has changed meanwhile stays as it is, for the next plan. */
import { type Folder, FolderError, hashOf } from '../../models/index.ts'
import { type Disk, DiskError } from './disk.ts'
import type { FolderSyncOptions, SyncNews, SyncStream } from './folder-sync-options.ts'
import type { Action, Base, Local } from './plan.ts'

const chunkFiles = 200
const chunkBytes = 4 * 1024 * 1024
/** More would only wait in memory. */
const waitingBytesMax = 64 * 1024 * 1024

export class Performer {
  readonly #disk: Disk
  readonly #bases: Map<string, Base>
  readonly #folder: Folder
  readonly #stream: SyncStream
  readonly #onNews: (news: SyncNews) => void

  /** `bases`: where both are in step; what is done is noted there. */
  constructor(disk: Disk, bases: Map<string, Base>, { folder, stream, onNews = () => {} }: FolderSyncOptions) {
    this.#disk = disk
    this.#bases = bases
    this.#folder = folder
    this.#stream = stream
    this.#onNews = onNews
  }

  /** Whether all of it is done. Rejects with a `DiskError` (`gone`) when the directory is. */
  async perform(actions: readonly Action[]): Promise<boolean> {
    let isAllDone = true
    for (const action of actions) {
      if (!isAdding(action)) isAllDone = (await this.#try(() => this.#do(action))) && isAllDone
    }
    for (const locals of chunksOf(actions.filter(isAdding).map(({ local }) => local))) {
      isAllDone = (await this.#try(() => this.#add(locals))) && isAllDone
    }
    return isAllDone
  }

  /** Whether it is done. */
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
