import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { changesOf, joinParts, partBytes, partsOf } from '../../src/models/folder/parts.ts'
import { arrangePaths, besidePath, problemOfPath } from '../../src/models/folder/paths.ts'
import { Folder, type FolderErrorCode, fileBytesMax } from '../../src/models/index.ts'
import {
  applyDeltas,
  type Change,
  checkedCopy,
  type Draft,
  foldEvents,
  type Json,
  type TapeEvent,
  toContent,
  toValues,
} from '../../src/protocol/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const textOf = (content: Uint8Array) => new TextDecoder().decode(content)
const codeOf = (work: () => void): FolderErrorCode | undefined => {
  try {
    work()
  } catch (error) {
    return (error as { code?: FolderErrorCode }).code
  }
  return undefined
}

function randomBytes(random: SeededRandom, length: number): Uint8Array {
  // Every byte from a seed of its own would take longer than the test.
  const block = Uint8Array.from({ length: 997 }, () => random.below(256))
  return Uint8Array.from({ length }, (_, index) => (block[index % 997] as number) ^ (index >> 9))
}

/** A folder whose drafts come on the tape at once, or wait. */
function attached(client = 'me') {
  const problems: string[] = []
  const folder = new Folder('files', { onProblem: ({ problem }) => problems.push(problem) })
  const events: TapeEvent[] = []
  const vended: Change[] = []
  const context = { client, holes: [] }
  const take = (change: Change) => {
    const { expect: _, ...plain } = checkedCopy(change)
    vended.push(change)
    events.push({ seq: events.length, client, counter: events.length + 1, seen: events.length - 1, ...plain })
  }
  folder.receiver = {
    didCreateDraft: (change) => {
      take(change)
      folder.apply(events.slice(-1), [], context)
    },
    didCreateDrafts: (changes) => {
      for (const change of changes) take(change)
      folder.apply(events.slice(-changes.length), [], context)
    },
  }
  folder.apply([], [], context)
  return { folder, events, vended, problems, context }
}

describe('a folder', () => {
  test('[M12] has files that are written, read, renamed and removed, by path', () => {
    const { folder } = attached()
    folder.write('b.txt', bytes('two'))
    folder.write('a/one.txt', bytes('one'))
    expect(folder.list.map(({ path, size }) => [path, size])).toEqual([
      ['a/one.txt', 3],
      ['b.txt', 3],
    ])
    expect(textOf(folder.read('a/one.txt'))).toBe('one')
    expect(folder.get('b.txt')?.hash).toBe(createHash('sha256').update('two').digest('base64url'))
    folder.rename('a/one.txt', 'c.txt')
    folder.remove('b.txt')
    expect(folder.list.map(({ path }) => path)).toEqual(['c.txt'])
    expect(textOf(folder.read('c.txt'))).toBe('one')
  })

  test('[M12] a changed line of a large file takes less than 300 bytes, and what is the same nothing', () => {
    const { folder, vended } = attached()
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index} of a file that is about as long as a book`)
    folder.write('book.txt', bytes(lines.join('\n')))
    const count = vended.length
    lines[7000] = lines[7000]?.replace('about', 'nearly') as string
    const written = folder.write('book.txt', bytes(lines.join('\n')))
    expect(vended.slice(count)).toHaveLength(1)
    expect(written.bytes).toBeLessThan(300)
    expect(textOf(folder.read('book.txt'))).toBe(lines.join('\n'))
    expect(folder.write('book.txt', bytes(lines.join('\n'))).bytes).toBe(0)
  })

  test('[M12] a large content travels in parts that fit events, and is none until all of them are there', () => {
    const { folder, events, vended } = attached()
    const content = randomBytes(new SeededRandom(1), 3 * partBytes + 5)
    folder.write('large.bin', content)
    expect(vended).toHaveLength(4)
    const other = new Folder('files')
    for (const [index, event] of events.entries()) {
      expect(other.get('large.bin')?.isComplete ?? false).toBe(false)
      expect(codeOf(() => other.read('large.bin'))).toBe(index === 0 ? 'not-found' : 'incomplete')
      other.apply([event], [], { client: 'other', holes: [] })
    }
    expect(other.get('large.bin')).toMatchObject({ isComplete: true, size: content.length, progress: { have: 4, total: 4 } })
    expect(other.read('large.bin')).toEqual(content)
    expect(folder.write('large.bin', new Uint8Array(0))).toMatchObject({ bytes: expect.any(Number) })
    expect(folder.read('large.bin')).toEqual(new Uint8Array(0))
  })

  test('[M12] however it is changed, every reader ends with the content, folded or not', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const random = new SeededRandom(seed)
      const { folder, events } = attached()
      let content = randomBytes(random, random.below(2 * partBytes))
      folder.write('f', content)
      for (let edit = 0; edit < 8; edit++) {
        const at = random.below(content.length + 1)
        const removed = Math.min(content.length - at, random.below(random.pick([1, 10, partBytes])))
        const inserted = randomBytes(random, random.below(random.pick([2, 200, 2 * partBytes])))
        content = joinParts([content.subarray(0, at), inserted, content.subarray(at + removed)])
        folder.write('f', content)
      }
      for (const given of [events, foldEvents(events, [[0, events.length - 1]])]) {
        const other = new Folder('files')
        other.apply(given, [], { client: 'other', holes: [] })
        expect(Buffer.compare(other.read('f'), content)).toBe(0)
      }
    }
  })

  test('[M12] a change says that nobody else has changed the content since, and refuses itself where that is known', () => {
    const { folder, vended } = attached()
    const { hash } = folder.write('f', bytes('first'))
    folder.write('f', bytes('second'), { basedOn: hash })
    expect(vended.at(-1)?.expect).toEqual({ unchanged: ['hash'] })
    expect(codeOf(() => folder.write('f', bytes('third'), { basedOn: hash }))).toBe('changed')
    expect(folder.write('f', bytes('second'), { basedOn: hash }).bytes).toBe(0)
    folder.rename('f', 'g')
    expect(vended.at(-1)?.expect).toEqual({ unchanged: ['path'] })
    folder.remove('g')
    expect(vended.at(-1)?.expect).toEqual({ unchanged: true })
  })

  test('[M12] what is beneath a hole, or not what its hash says, is not read', () => {
    const { folder, events } = attached()
    folder.write('f', bytes('first content of the file'))
    folder.write('f', bytes('first content of the files'))
    const other = new Folder('files')
    other.apply([events[1] as TapeEvent], [], { client: 'other', holes: [[0, 0]] })
    expect(other.list).toEqual([])
    other.apply([events[0] as TapeEvent], [], { client: 'other', holes: [] })
    expect(textOf(other.read('f'))).toBe('first content of the files')
    const forged = { ...(events[0] as TapeEvent), seq: 2, type: 'update', values: { 0: { base64: 'AAAA' } } } as const
    other.apply([forged], [], { client: 'other', holes: [] })
    expect(codeOf(() => other.read('f'))).toBe('damaged')
  })

  test('[M12] every path that climbs out, or that some system cannot have, is refused where it is made and left out where it comes', () => {
    const bad = [
      ...[
        '',
        '/etc/passwd',
        '../x',
        'a/../../x',
        'a/..',
        './x',
        'a//b',
        'a/',
        'C:/x',
        'c:x',
        '\\\\host\\x',
        'a\\b',
        'a\u0000b',
        'a\nb',
        'x\u007f',
      ],
      ...['CON', 'con.txt', 'a/NUL', 'aux.', 'COM1.log', 'lpt³', 'a:b', 'what?', 'a*', 'a"b', 'a<b', 'a|b', 'dot.', 'blank ', 'a /b'],
      ...[
        '\ud800',
        'e\u0301',
        '.git/config',
        'a/.GIT/hooks/x',
        '.tapeline/state.json',
        'x'.repeat(256),
        'ü'.repeat(128),
        `${'a/'.repeat(500)}b`,
      ],
    ]
    const { folder, events, context, problems } = attached()
    for (const path of bad) expect([path, codeOf(() => folder.write(path, bytes('x')))]).toEqual([path, 'bad-path'])
    folder.write('fine', bytes('x'))
    for (const path of bad) expect([path, codeOf(() => folder.rename('fine', path))]).toEqual([path, 'bad-path'])
    const [fine] = events as [TapeEvent]
    folder.apply(
      bad.map((path, index) => ({ ...fine, seq: index + 1, identifier: `bad ${index}`, values: { ...fine.values, path } })),
      [],
      context,
    )
    expect(folder.list.map(({ path }) => path)).toEqual(['fine'])
    expect(problems).toHaveLength(bad.length)
    for (const path of ['a', 'ä/ö.txt', '.hidden', 'a b', '日本/語', 'console', 'nul1', 'x'.repeat(255), '...a']) {
      expect([path, problemOfPath(path)]).toEqual([path, undefined])
    }
  })

  test('[M12] what is no file is left out and told, and a file too large is refused', () => {
    const { folder, context, problems } = attached()
    const good = { path: 'p', hash: 'x'.repeat(43), parts: 1, 0: { base64: 'AAAA' } }
    const bad: Record<string, Json>[] = [
      {},
      ...[
        { path: 5 },
        { hash: 'short' },
        { hash: 7 },
        { parts: 0 },
        { parts: 1e9 },
        { parts: 1.5 },
        { 0: 'text' },
        { 0: { base64: '?' } },
        { 0: [] },
      ].map((wrong) => ({ ...good, ...wrong })),
    ]
    folder.apply(
      bad.map((values, seq) => ({ seq, seen: -1, type: 'insert', collection: 'files', identifier: `f${seq}`, values })),
      [],
      context,
    )
    expect(folder.list).toEqual([])
    expect(problems).toHaveLength(bad.length)
    expect(codeOf(() => folder.write('huge', new Uint8Array(fileBytesMax + 1)))).toBe('too-large')
    expect(codeOf(() => new Folder('files').write('f', bytes('')))).toBeUndefined()
  })

  test('[M12] several files are added at once, each beside what is there or comes with it, or none of them', () => {
    const { folder, vended } = attached()
    folder.write('a.txt', bytes('0'))
    const files = ['a.txt', 'A.TXT', 'dir', 'dir/a.txt', 'new.txt'].map((path, index) => ({ path, content: bytes(`${index + 1}`) }))
    expect(folder.addAll(files).map(({ path }) => path)).toEqual(['a (2).txt', 'A (3).TXT', 'dir', 'dir/a.txt', 'new.txt'])
    expect(folder.list.map(({ path }) => path)).toEqual(['A (3).TXT', 'a (2).txt', 'a.txt', 'dir (2)', 'dir/a.txt', 'new.txt'])
    expect(folder.list.map(({ path }) => textOf(folder.read(path))).sort()).toEqual(['0', '1', '2', '3', '4', '5'])
    const count = vended.length
    expect(codeOf(() => folder.addAll([...files, { path: 'NUL', content: bytes('x') }]))).toBe('bad-path')
    expect(vended).toHaveLength(count)
  })

  test('[M12] twins, and files where a folder is, are refused where they are made', () => {
    const { folder } = attached()
    folder.write('Docs/Read me.txt', bytes('1'))
    for (const path of ['docs/read ME.txt', 'Docs', 'DOCS', 'Docs/Read me.txt/x']) {
      expect([path, codeOf(() => folder.write(path, bytes('2')))]).toEqual([path, 'twin'])
    }
    folder.write('other', bytes('2'))
    expect(codeOf(() => folder.rename('other', 'docs/read me.txt'))).toBe('twin')
    folder.rename('Docs/Read me.txt', 'docs/read me.txt')
    expect(folder.get('docs/read me.txt')).toBeDefined()
  })
})

describe('paths', () => {
  test('[M12] of twins the eldest keeps its path, whoever is asked, and the others stand beside it', () => {
    const claims = [
      { identifier: 'c', path: 'a.txt', since: 3 },
      { identifier: 'a', path: 'A.TXT', since: 1 },
      { identifier: 'd', path: 'a.txt', since: 4 },
      { identifier: 'b', path: 'a (2).txt', since: 9 },
      { identifier: 'e', path: 'dir', since: 0 },
      { identifier: 'f', path: 'dir/x', since: 5 },
    ]
    const expected = { a: 'A.TXT', b: 'a (2).txt', c: 'a (3).txt', d: 'a (4).txt', e: 'dir (2)', f: 'dir/x' }
    expect(Object.fromEntries(arrangePaths(claims))).toEqual(expected)
    expect(Object.fromEntries(arrangePaths(claims.toReversed()))).toEqual(expected)
  })

  test('[M12] beside a path is a path', () => {
    expect(besidePath('a/b.c/notes.tar.gz', 2)).toBe('a/b.c/notes.tar (2).gz')
    expect(besidePath('.profile', 2)).toBe('.profile (2)')
    expect(problemOfPath(besidePath(`${'ü'.repeat(125)}.text`, 12))).toBeUndefined()
  })
})

test('[M12] changes of parts lead to the content, each within an event', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed)
    const before = Array.from({ length: 1 + random.below(4) }, () => randomBytes(random, random.below(random.pick([1, 20, partBytes]))))
    const old = joinParts(before)
    const at = random.below(old.length + 1)
    const end = Math.min(old.length, at + random.below(random.pick([1, 5, 5000])))
    const after = joinParts([old.subarray(0, at), randomBytes(random, random.below(random.pick([1, 30, 300_000]))), old.subarray(end)])
    const fields: Json[] = before.map((part) => toValues(part))
    const { changes, count } = changesOf(before, after)
    for (const { values = {}, deltas = {} } of changes) {
      const change: Draft = { seen: 0, type: 'update', collection: 'f', identifier: 'f', values: { ...values, hash: 'x' }, deltas }
      checkedCopy(Object.keys(deltas).length === 0 ? { ...change, deltas: undefined } : change)
      for (const [field, value] of Object.entries(values)) fields[Number(field)] = value
      for (const [field, list] of Object.entries(deltas)) fields[Number(field)] = applyDeltas(fields[Number(field)], list) as Json
    }
    const parts = fields.slice(0, count).map((field) => toContent(field as { base64: string }) as Uint8Array)
    expect(Buffer.compare(joinParts(parts), after)).toBe(0)
  }
  expect(partsOf(new Uint8Array(0))).toHaveLength(1)
})
