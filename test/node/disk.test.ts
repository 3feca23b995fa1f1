/** A directory that is kept in step: nothing outside of it is touched, nothing is half-written, nothing is lost. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Disk, DiskError } from '../../src/node/index.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

let outside = ''
let root = ''
let disk: Disk

beforeEach(async () => {
  outside = await mkdtemp(join(tmpdir(), 'tapeline-disk-'))
  root = join(outside, 'inside')
  await mkdir(root)
  await writeFile(join(outside, 'secret'), 'secret')
  disk = await Disk.open(root)
})
afterEach(() => rm(outside, { recursive: true, force: true }))

async function fileAt(path: string) {
  const file = (await disk.scan()).files.get(path)
  if (file === undefined) throw new Error(`There is no ${path}.`)
  return file
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
  } catch (error) {
    return error instanceof DiskError ? error.code : String(error)
  }
  return undefined
}

/** Everything that lies outside and inside, but what the disk keeps for itself. */
async function everything(): Promise<readonly string[]> {
  const names = await readdir(outside, { recursive: true })
  return names.filter((name) => !name.includes('.tapeline')).sort()
}

describe('a directory', () => {
  test('[M13] gives and takes contents, makes folders for files, and takes empty ones away', async () => {
    const written = await disk.write('a/b/c.txt', bytes('one'), undefined)
    expect(await disk.read(written)).toEqual(bytes('one'))
    const again = await disk.write('a/b/c.txt', bytes('two'), written.mark)
    const moved = await disk.move('a/b/c.txt', 'd.txt', again.mark)
    expect(await everything()).toEqual(['inside', 'inside/d.txt', 'secret'])
    expect(await readFile(join(root, 'd.txt'), 'utf8')).toBe('two')
    await disk.remove('d.txt', moved.mark)
    expect(await everything()).toEqual(['inside', 'secret'])
  })

  test('[M13] touches nothing outside, whatever path it is given', async () => {
    const before = await everything()
    for (const path of [
      '../secret',
      '/etc/hostname',
      'a/../../secret',
      '..',
      '.',
      '',
      'C:\\x',
      'a\u0000b',
      '.tapeline/x',
      '.git/hooks/x',
      'NUL',
    ]) {
      expect([path, await codeOf(disk.write(path, bytes('x'), undefined))]).toEqual([path, 'in-the-way'])
      expect([path, await codeOf(disk.remove(path, ''))]).toEqual([path, 'in-the-way'])
      expect([path, await codeOf(disk.move(path, 'x', ''))]).toEqual([path, 'in-the-way'])
    }
    expect(await everything()).toEqual(before)
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret')
  })

  test('[M13] neither reads nor follows symbolic links, on the way to a file or in its place', async () => {
    await symlink(outside, join(root, 'way'))
    await symlink(join(outside, 'secret'), join(root, 'file'))
    const { files, problems } = await disk.scan()
    expect([...files.keys()]).toEqual([])
    expect(problems.map(({ path }) => path)).toEqual(['file', 'way'])
    expect(await codeOf(disk.write('way/secret', bytes('x'), undefined))).toBe('in-the-way')
    expect(await codeOf(disk.write('way/new', bytes('x'), undefined))).toBe('in-the-way')
    expect(await codeOf(disk.write('file', bytes('x'), undefined))).toBe('changed')
    // A folder that becomes a link between looking and writing.
    const file = await disk.write('folder/secret', bytes('mine'), undefined)
    await rename(join(root, 'folder'), join(root, 'aside'))
    await symlink(outside, join(root, 'folder'))
    expect(await codeOf(disk.write('folder/secret', bytes('x'), file.mark))).toBe('in-the-way')
    expect(await codeOf(disk.remove('folder/secret', file.mark))).toBe('in-the-way')
    expect(await codeOf(disk.read(file))).toBe('in-the-way')
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret')
  })

  test('[M13] puts nothing in the place of what came or changed meanwhile', async () => {
    const file = await disk.write('a', bytes('one'), undefined)
    await writeFile(join(root, 'a'), 'changed by somebody else')
    await writeFile(join(root, 'b'), 'came meanwhile')
    expect(await codeOf(disk.write('a', bytes('two'), file.mark))).toBe('changed')
    expect(await codeOf(disk.remove('a', file.mark))).toBe('changed')
    expect(await codeOf(disk.move('a', 'c', file.mark))).toBe('changed')
    expect(await codeOf(disk.write('b', bytes('two'), undefined))).toBe('changed')
    expect(await codeOf(disk.move('a', 'b', (await fileAt('a')).mark))).toBe('changed')
    expect(await codeOf(disk.write('a/x', bytes('two'), undefined))).toBe('in-the-way')
    expect(await readFile(join(root, 'a'), 'utf8')).toBe('changed by somebody else')
    expect(await readFile(join(root, 'b'), 'utf8')).toBe('came meanwhile')
    expect(await readdir(join(root, '.tapeline'))).toEqual([])
  })

  test('[M13] does not give a content that changes while it is read', async () => {
    await writeFile(join(root, 'a'), 'one')
    const file = await fileAt('a')
    await writeFile(join(root, 'a'), 'another')
    expect(await codeOf(disk.read(file))).toBe('changed')
    await rm(join(root, 'a'))
    expect(await codeOf(disk.read(file))).toBe('changed')
  })

  test('[M13] leaves alone, with a reason, what cannot be the same everywhere', async () => {
    for (const name of ['a:b', 'what?', 'CON', 'dot.', 'e\u0301']) await writeFile(join(root, name), 'x')
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xff, 0x6f])]), 'x')
    await promisify(execFile)('mkfifo', [join(root, 'pipe')])
    await writeFile(join(root, 'large'), '')
    await truncate(join(root, 'large'), 200_000_000)
    await writeFile(join(root, 'Twin'), 'x')
    await writeFile(join(root, 'tWIN'), 'x')
    await mkdir(join(root, '.git'))
    await writeFile(join(root, '.git/config'), 'x')
    await writeFile(join(root, 'fine'), 'x')
    const { files, problems } = await disk.scan()
    expect([...files.keys()].sort()).toEqual(['Twin', 'fine'])
    expect(problems).toHaveLength(9)
    expect(new Set(problems.map(({ problem }) => problem)).size).toBe(9)
  })

  test('[M13] says when it is gone, or another one, and concludes nothing from that', async () => {
    const file = await disk.write('a', bytes('one'), undefined)
    await rename(root, join(outside, 'elsewhere'))
    expect(await codeOf(disk.scan())).toBe('gone')
    await mkdir(root)
    expect(await codeOf(disk.scan())).toBe('gone')
    expect(await codeOf(disk.write('b', bytes('x'), undefined))).toBe('gone')
    expect(await codeOf(disk.remove('a', file.mark))).toBe('gone')
    expect(await readdir(root)).toEqual([])
    expect(await codeOf(Disk.open(join(outside, 'nowhere')))).toBe('gone')
    expect(await codeOf(Disk.open(join(outside, 'secret')))).toBe('gone')
  })

  test('[M13] a disk that takes no more leaves the old content, and no half of the new one', async () => {
    await disk.write('a', bytes('old'), undefined)
    const script = join(import.meta.dirname, 'disk-process.ts')
    // No file may have more than 64 kB there.
    const { stdout } = await promisify(execFile)('bash', [
      '-c',
      'ulimit -f 64; exec "$0" "$@"',
      process.execPath,
      script,
      root,
      'a',
      '1000000',
    ])
    expect(stdout).toMatch(/EFBIG|ENOSPC/)
    expect(await readFile(join(root, 'a'), 'utf8')).toBe('old')
    expect(await readdir(join(root, '.tapeline'))).toEqual([])
  })

  test('[M13] what a process that died was writing is cleared away', async () => {
    await writeFile(join(root, '.tapeline/0123.part'), 'half')
    await writeFile(join(root, '.tapeline/stream.sqlite'), 'kept')
    await Disk.open(root)
    expect(await readdir(join(root, '.tapeline'))).toEqual(['stream.sqlite'])
    expect(existsSync(join(root, '.tapeline/0123.part'))).toBe(false)
    expect((await stat(root)).isDirectory()).toBe(true)
  })
})
