/**
 * A directory, and nothing outside of it: whatever paths it is given, whatever lies in it. Symbolic links are neither read
 * nor followed. A file is there with its old content, or with its new one, and never with half of it.
 */
import { randomBytes } from 'node:crypto'
import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileBytesMax, foldersOf, problemOfPath, twinKey } from '../../models/index.ts'

/** Where whoever keeps a directory in step keeps what it needs for that; inside, so that files can be moved into place. */
export const ownDirectory = '.tapeline'

/** What a file was like when it was looked at: another one when anything of it has changed since. */
export type Mark = string

export interface DiskFile {
  readonly path: string
  readonly size: number
  readonly mark: Mark
  /** It was written a moment ago, so that another writing may leave the same mark. */
  readonly isFresh: boolean
}

export interface DiskProblem {
  readonly path: string
  /** For people. */
  readonly problem: string
}

export type DiskErrorCode =
  /** The directory is not there any more, or is another one. */
  | 'gone'
  /** It was changed while it was looked at, or since. */
  | 'changed'
  /** Something else is in its place, or leads outside. */
  | 'in-the-way'

export class DiskError extends Error {
  readonly code: DiskErrorCode

  constructor(code: DiskErrorCode, path: string, problem: string, options?: ErrorOptions) {
    super(`${JSON.stringify(path)}: ${problem}`, options)
    this.name = 'DiskError'
    this.code = code
  }
}

/** Clocks of file systems may tick only so often. */
const tickMs = 100

export class Disk {
  readonly root: string
  readonly #identity: string

  private constructor(root: string, identity: string) {
    this.root = root
    this.#identity = identity
  }

  /** Throws a `DiskError` (`gone`) where there is no directory. */
  static async open(root: string): Promise<Disk> {
    const disk = new Disk(root, await identityOf(root))
    await mkdir(join(root, ownDirectory), { recursive: true })
    await disk.#clear()
    return disk
  }

  /** Where something is kept that belongs to keeping the directory in step, and not into it. */
  ownFile(name: string): string {
    return join(this.root, ownDirectory, encodeURIComponent(name))
  }

  /** Every file that can be kept in step, by path, and what is left alone, with the reason. Throws a `DiskError` (`gone`). */
  async scan(): Promise<{ readonly files: ReadonlyMap<string, DiskFile>; readonly problems: readonly DiskProblem[] }> {
    const files = new Map<string, DiskFile>()
    const problems: DiskProblem[] = []
    await this.#scan('', files, problems)
    // Whatever was missing may have been missing because all of it was being taken away.
    await this.check()
    return { files, problems }
  }

  /** Throws a `DiskError` (`gone`) unless the directory is still the one that was opened. */
  async check(): Promise<void> {
    if ((await identityOf(this.root)) !== this.#identity) throw new DiskError('gone', this.root, 'It is another directory by now.')
  }

  /** Throws a `DiskError` (`changed`) when it is not there as it was, or changes while it is read. */
  async read({ path, mark }: DiskFile): Promise<Uint8Array> {
    await this.#checkParents(path)
    let handle: FileHandle
    try {
      handle = await open(this.#at(path), constants.O_RDONLY | constants.O_NOFOLLOW)
    } catch (error) {
      throw new DiskError('changed', path, 'It cannot be read.', { cause: error })
    }
    try {
      const before = await handle.stat({ bigint: true })
      if (!before.isFile() || markOf(before) !== mark || before.size > fileBytesMax) throw changed(path)
      const { buffer, byteOffset, length } = await handle.readFile()
      if (markOf(await handle.stat({ bigint: true })) !== mark) throw changed(path)
      return new Uint8Array(buffer, byteOffset, length)
    } finally {
      await handle.close()
    }
  }

  /**
   * Puts a content in the place of what is there, in one step: `before` says what that is, undefined for nothing. Throws a
   * `DiskError` (`changed`, `in-the-way`), or what the system says: that the disk is full, that it may not. Then all is as it was.
   */
  async write(path: string, content: Uint8Array, before: Mark | undefined): Promise<DiskFile> {
    await this.check()
    this.#at(path)
    await this.#makeParents(path)
    const temporary = join(this.root, ownDirectory, `${randomBytes(8).toString('hex')}.part`)
    try {
      const handle = await open(temporary, 'wx')
      try {
        await handle.writeFile(content)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await this.#place(temporary, path, before)
    } catch (error) {
      await unlink(temporary).catch(() => {})
      throw error
    }
    return await this.#look(path)
  }

  /** Gives a file another path, where nothing is. Throws like `write`. */
  async move(path: string, to: string, before: Mark): Promise<DiskFile> {
    await this.check()
    await this.#checkMark(path, before)
    this.#at(to)
    await this.#makeParents(to)
    await this.#place(this.#at(path), to, undefined)
    await this.#removeEmptyParents(path)
    return await this.#look(to)
  }

  /** Throws a `DiskError` (`changed`) when it is not as it was. */
  async remove(path: string, before: Mark): Promise<void> {
    await this.check()
    await this.#checkMark(path, before)
    await unlink(this.#at(path))
    await this.#removeEmptyParents(path)
  }

  #at(path: string): string {
    const problem = problemOfPath(path)
    if (problem !== undefined) throw new DiskError('in-the-way', path, problem)
    return join(this.root, path)
  }

  /** Of what was being written when a process died. */
  async #clear(): Promise<void> {
    const own = join(this.root, ownDirectory)
    if (!(await lstat(own)).isDirectory()) throw new DiskError('in-the-way', ownDirectory, 'It is not a directory.')
    for (const name of await readdir(own)) if (name.endsWith('.part')) await unlink(join(own, name))
  }

  async #scan(folder: string, files: Map<string, DiskFile>, problems: DiskProblem[]): Promise<void> {
    const names = await readdir(join(this.root, folder)).catch(ifGone)
    const keys = new Set<string>()
    for (const name of (names ?? []).sort()) {
      if (name === ownDirectory || name.toLowerCase() === '.git') continue
      const path = folder === '' ? name : `${folder}/${name}`
      const stats = await lstat(join(this.root, path), { bigint: true }).catch(ifGone)
      // It was taken away in between, or its name is none that can be read.
      if (stats === undefined && !name.includes('\ufffd')) continue
      const problem = problemOf(path, stats, keys)
      keys.add(twinKey(path))
      if (problem !== undefined) problems.push({ path, problem })
      else if (stats?.isDirectory()) await this.#scan(path, files, problems)
      else if (stats !== undefined) files.set(path, fileOf(path, stats))
    }
  }

  async #look(path: string): Promise<DiskFile> {
    return fileOf(path, await lstat(this.#at(path), { bigint: true }))
  }

  async #checkMark(path: string, mark: Mark): Promise<void> {
    this.#at(path)
    await this.#checkParents(path)
    const stats = await lstat(this.#at(path), { bigint: true }).catch(ifGone)
    if (stats === undefined || !stats.isFile() || markOf(stats) !== mark) throw changed(path)
  }

  /** Moves a file to where it belongs, in one step. Where nothing is to be, nothing is replaced. */
  async #place(from: string, path: string, before: Mark | undefined): Promise<void> {
    const to = this.#at(path)
    await this.#checkParents(path)
    if (before !== undefined) {
      await this.#checkMark(path, before)
      await rename(from, to)
      return
    }
    try {
      await link(from, to)
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw changed(path)
      // A file system without links, or one that does not allow them.
      if ((await lstat(to).catch(ifGone)) !== undefined) throw changed(path)
      await rename(from, to)
      return
    }
    await unlink(from)
  }

  /** Throws a `DiskError` (`in-the-way`) when a folder on the way is none: a link might lead anywhere. */
  async #checkParents(path: string): Promise<void> {
    for (const folder of foldersOf(path)) {
      const stats = await lstat(this.#at(folder)).catch(ifGone)
      if (stats === undefined) throw changed(path)
      if (!stats.isDirectory()) throw new DiskError('in-the-way', path, `${JSON.stringify(folder)} is not a directory.`)
    }
  }

  async #makeParents(path: string): Promise<void> {
    for (const folder of foldersOf(path)) {
      await mkdir(this.#at(folder)).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error
      })
      const stats = await lstat(this.#at(folder))
      if (!stats.isDirectory()) throw new DiskError('in-the-way', path, `${JSON.stringify(folder)} is not a directory.`)
    }
  }

  /** A folder is there for its files. */
  async #removeEmptyParents(path: string): Promise<void> {
    for (const folder of foldersOf(path).toReversed()) {
      try {
        await rmdir(this.#at(folder))
      } catch {
        return
      }
    }
  }
}

/** Why it is left alone, for people. `keys`: of what lies beside it. */
function problemOf(path: string, stats: BigIntStats | undefined, keys: ReadonlySet<string>): string | undefined {
  if (stats === undefined) return 'Its name is not UTF-8.'
  if (stats.isSymbolicLink()) return 'It is a symbolic link, which is not followed.'
  if (!stats.isFile() && !stats.isDirectory()) return 'It is neither a file nor a directory.'
  if (keys.has(twinKey(path))) return 'Some systems cannot have it beside the one whose name differs in capitals or accents alone.'
  const problem = problemOfPath(path)
  if (problem !== undefined) return problem
  if (stats.isFile() && stats.size > fileBytesMax) {
    return `It is larger than ${fileBytesMax / 2 ** 20} MiB.`
  }
  return undefined
}

function fileOf(path: string, stats: BigIntStats): DiskFile {
  const isFresh = Math.abs(Date.now() - Number(stats.mtimeMs)) < tickMs
  return { path, size: Number(stats.size), mark: markOf(stats), isFresh }
}

function markOf({ size, mtimeNs, ino }: BigIntStats): Mark {
  return `${size} ${mtimeNs} ${ino}`
}

async function identityOf(root: string): Promise<string> {
  const stats = await lstat(root, { bigint: true }).catch(ifGone)
  if (stats === undefined || !stats.isDirectory()) throw new DiskError('gone', root, 'There is no such directory.')
  return `${stats.dev} ${stats.ino}`
}

function changed(path: string): DiskError {
  return new DiskError('changed', path, 'It has been changed meanwhile.')
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function ifGone(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
  throw error
}
