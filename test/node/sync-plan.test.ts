/** What is decided to bring directories in step with a folder, over thousands of histories: nothing is lost, and all end alike. */
import { expect, test } from 'vitest'
import type { FolderFile } from '../../src/models/index.ts'
import { type Action, type Base, type Local, plan } from '../../src/node/sync/plan.ts'
import { SeededRandom } from '../support/seeded-random.ts'

/** Files there, by identifier: contents are their own hashes. */
interface Remote {
  readonly files: Map<string, { path: string; content: string }>
  readonly removed: Set<string>
  ids: number
}

class Directory {
  readonly files = new Map<string, { content: string; mark: string }>()
  bases = new Map<string, Base>()
  marks = 0

  put(path: string, content: string): string {
    const mark = `${++this.marks}`
    this.files.set(path, { content, mark })
    return mark
  }

  /** One look: does what the plan says, or, where a process dies, only some of it. */
  look(remote: Remote, actionsMax = Number.POSITIVE_INFINITY): number {
    const here = new Map(
      Array.from(this.files, ([path, { content, mark }]): [string, Local] => [
        path,
        { file: { path, size: content.length, mark, isFresh: false }, hash: content },
      ]),
    )
    const there = Array.from(
      remote.files,
      ([identifier, { path, content }]): FolderFile => ({
        identifier,
        path,
        hash: content,
        isComplete: true,
        isPending: false,
        size: content.length,
        progress: { have: 1, total: 1 },
      }),
    )
    const { actions } = plan({ bases: this.bases, here, there, isRemoved: (identifier) => remote.removed.has(identifier) })
    for (const action of actions.slice(0, actionsMax)) this.#do(action, remote)
    return actions.length
  }

  #do(action: Action, remote: Remote): void {
    switch (action.type) {
      case 'note':
        if (action.base === undefined) this.bases.delete(action.identifier)
        else this.bases.set(action.identifier, action.base)
        return
      case 'add':
      case 'keep-beside':
        return this.#add(action.local, remote)
      case 'write':
        return void Object.assign(remote.files.get(action.remote.identifier) as object, { content: action.local.hash })
      case 'rename': {
        const { path, mark } = action.local.file
        if ([...remote.files.values()].some((file) => file.path === path)) return this.#add(action.local, remote)
        Object.assign(remote.files.get(action.remote.identifier) as object, { path })
        return void this.bases.set(action.remote.identifier, { path, hash: action.local.hash, mark })
      }
      case 'remove':
        remote.files.delete(action.remote.identifier)
        return void remote.removed.add(action.remote.identifier)
      case 'write-here': {
        const { identifier, hash = '' } = action.remote
        const path = action.before?.file.path ?? action.remote.path
        // As on a disk: what came there meanwhile stays.
        if (this.files.get(path)?.mark !== action.before?.file.mark) return
        return void this.bases.set(identifier, { path, hash, mark: this.put(path, hash) })
      }
      case 'move-here': {
        const { path, hash = '', identifier } = action.remote
        if (this.files.has(path)) return
        this.files.delete(action.local.file.path)
        return void this.bases.set(identifier, { path, hash, mark: this.put(path, hash) })
      }
      case 'remove-here':
        this.files.delete(action.local.file.path)
        return void this.bases.delete(action.identifier)
    }
  }

  #add({ file, hash }: Local, remote: Remote): void {
    const taken = new Set(Array.from(remote.files.values(), ({ path }) => path))
    let path = file.path
    for (let count = 2; taken.has(path); count++) path = `${file.path} (${count})`
    const identifier = `i${++remote.ids}`
    remote.files.set(identifier, { path, content: hash })
    let { mark } = file
    if (path !== file.path) {
      // It comes here as any other.
      if (this.files.has(path)) return
      this.files.delete(file.path)
      mark = this.put(path, hash)
    }
    this.bases.set(identifier, { path, hash, mark, isNew: true })
  }
}

/** Somebody works in a directory: contents are never the same twice. */
function work(directory: Directory, random: SeededRandom, notes: { content: () => string; gone: Set<string> }): void {
  const path = random.pick(['a', 'b', 'dir/a', ...directory.files.keys()])
  const before = directory.files.get(path)
  const dice = random.next()
  if (dice < 0.6) {
    if (before !== undefined) notes.gone.add(before.content)
    directory.put(path, notes.content())
  } else if (before === undefined) return
  else if (dice < 0.8) {
    directory.files.delete(path)
    notes.gone.add(before.content)
  } else {
    const to = random.pick(['a', 'c', 'dir/b'])
    const covered = directory.files.get(to)
    if (covered !== undefined && to !== path) notes.gone.add(covered.content)
    directory.files.delete(path)
    directory.put(to, before.content)
  }
}

test('[M13] whatever happens in several directories, all end in step, and no content is lost that somebody did not take away', () => {
  let conflicts = 0
  for (let seed = 1; seed <= 2000; seed++) {
    const random = new SeededRandom(seed)
    const remote: Remote = { files: new Map(), removed: new Set(), ids: 0 }
    const directories = [new Directory(), new Directory(), new Directory()].slice(0, 2 + (seed % 2))
    const written: string[] = []
    const gone = new Set<string>()
    const content = () => {
      written.push(`content ${written.length}`)
      return written.at(-1) as string
    }
    for (let step = 0; step < 40; step++) {
      const directory = random.pick(directories)
      if (random.chance(0.5)) work(directory, random, { content, gone })
      else directory.look(remote, random.chance(0.2) ? random.below(3) : undefined)
      // The record of what was in step is lost.
      if (random.chance(0.01)) directory.bases = new Map()
    }
    let rounds = 0
    while (directories.some((directory) => directory.look(remote) > 0))
      if (++rounds > 60) throw new Error(`Seed ${seed} does not come to rest.`)
    const shown = ({ files }: Directory) => [...files].map(([path, file]) => `${path}: ${file.content}`).sort()
    for (const directory of directories) expect(shown(directory), `seed ${seed}`).toEqual(shown(directories[0] as Directory))
    const there = new Set(Array.from(remote.files.values(), (file) => file.content))
    for (const each of written) if (!gone.has(each)) expect(there.has(each), `seed ${seed}: ${each}`).toBe(true)
    conflicts += shown(directories[0] as Directory).filter((line) => line.includes('(2)')).length
  }
  expect(conflicts).toBeGreaterThan(100)
})

const base: Base = { path: 'a', hash: 'old', mark: '1' }
const remoteOf = (over: Partial<FolderFile> = {}): FolderFile => ({
  ...{ identifier: 'i', path: 'a', hash: 'old', isComplete: true, isPending: false, size: 3, progress: { have: 1, total: 1 } },
  ...over,
})
const localOf = (hash: string, path = 'a'): Local => ({ file: { path, size: 3, mark: '1', isFresh: false }, hash })

test.each<[what: string, local: Local | undefined, remote: FolderFile | undefined, isRemoved: boolean, actions: readonly string[]]>([
  ['nothing happened', localOf('old'), remoteOf(), false, []],
  ['its content is on its way', localOf('new'), remoteOf({ isComplete: false, hash: undefined }), false, []],
  ['it has vanished there, and was changed here', localOf('new'), undefined, false, ['note']],
  ['it has vanished there, and was removed here', undefined, undefined, false, ['note']],
  ['it was removed there', localOf('old'), undefined, true, ['remove-here']],
  ['it was removed there, and changed here', localOf('new'), undefined, true, ['note']],
  ['it was removed here, and changed there', undefined, remoteOf({ hash: 'new' }), false, ['write-here']],
  ['it is being written there', localOf('new'), remoteOf({ hash: 'new', isPending: true }), false, []],
  ['it was changed again while it is being written there', localOf('newer'), remoteOf({ hash: 'new', isPending: true }), false, ['write']],
  ['both changed it alike', localOf('new'), remoteOf({ hash: 'new' }), false, ['note']],
])('[M13] %s', (_, local, remote, isRemoved, actions) => {
  const states = {
    bases: new Map([['i', base]]),
    here: new Map(local === undefined ? [] : [['a', local]]),
    there: remote === undefined ? [] : [remote],
  }
  expect(plan({ ...states, isRemoved: () => isRemoved })).toMatchObject({ actions: actions.map((type) => ({ type })), problems: [] })
})

test('[M13] what was never on a tape is not taken for removed', () => {
  const states = { bases: new Map([['i', { ...base, isNew: true }]]), here: new Map([['a', localOf('old')]]), there: [] }
  expect(plan({ ...states, isRemoved: () => true }).actions.map(({ type }) => type)).toEqual(['note'])
})

/** Two directories in step with one file, which vanishes there. */
function redacted() {
  const remote: Remote = { files: new Map(), removed: new Set(), ids: 0 }
  const directories = [new Directory(), new Directory()] as const
  const settle = () => {
    while (directories.some((directory) => directory.look(remote) > 0));
    return Array.from(remote.files.values(), ({ path, content }) => `${path}: ${content}`)
  }
  directories[0].put('a', 'secret')
  expect(settle()).toEqual(['a: secret'])
  remote.files.clear()
  return { directories, settle }
}

test('[M13] [R1] what was redacted comes back from no directory, and is said there', () => {
  const { directories, settle } = redacted()
  expect(settle()).toEqual([])
  for (const { files } of directories) expect(files.get('a')?.content).toBe('secret')
  const states = { bases: new Map([['i', base]]), here: new Map([['a', localOf('old')]]), there: [], isRemoved: () => false }
  expect(plan(states)).toMatchObject({ actions: [], problems: [{ path: 'a' }] })
})

test('[M13] [R1] what was redacted does not come back under another path', () => {
  const { directories, settle } = redacted()
  directories[0].files.delete('a')
  directories[0].put('b', 'secret')
  expect(settle()).toEqual([])
})

test('[M13] what was redacted and is changed is new, and goes to those who had what was there before', () => {
  const { directories, settle } = redacted()
  directories[0].put('a', 'harmless')
  expect(settle()).toEqual(['a: harmless'])
  for (const { files, bases } of directories) {
    expect(Array.from(files, ([path, { content }]) => `${path}: ${content}`)).toEqual(['a: harmless'])
    expect(bases.size).toBe(1)
  }
})
