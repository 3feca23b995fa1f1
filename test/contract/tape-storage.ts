/** What every tape storage keeps: run over memory in Node, and over SQLite inside the real object. */
import { describe, expect, test } from 'vitest'
import type { LedgerEntry, NewRow, TapeHead, TapeRow, TapeStorage } from '../../src/server/tape/tape-storage.ts'

/** A storage, and the same one opened again as after a sleep. */
export interface TapeStorageRig {
  readonly storage: TapeStorage
  reopen(): TapeStorage
}

const encoder = new TextEncoder()

function row(first: number, last: number, more: Partial<NewRow> = {}): NewRow {
  const lines = Array.from({ length: last - first + 1 }, (_, i) => JSON.stringify({ seq: first + i, text: 'ü😀' }))
  return {
    first,
    last,
    committedAt: 1000 + last,
    checkpoint: 0,
    ledger: `[["c",${last},"s"]]`,
    start: 0,
    body: encoder.encode(lines.join(',\n')),
    ...more,
  }
}

function append(
  storage: TapeStorage,
  rows: readonly NewRow[],
  more: { newEpoch?: string; beginsImport?: boolean; retired?: readonly (readonly [string, LedgerEntry])[] } = {},
): void {
  storage.append({ rows, retired: [], newEpoch: undefined, ...more })
}

function plain({ first, last, body }: TapeRow): { first: number; last: number; text: string } {
  return { first, last, text: new TextDecoder().decode(body) }
}

function rowsOf(storage: TapeStorage, from: number): ReturnType<typeof plain>[] {
  const rows: ReturnType<typeof plain>[] = []
  const iterator = storage.rowsFrom(from)
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) rows.push(plain(next.value))
  return rows
}

/** The newest rows, so many of them. */
function rowsBack(storage: TapeStorage, count = Number.POSITIVE_INFINITY): ReturnType<typeof plain>[] {
  const rows: ReturnType<typeof plain>[] = []
  const iterator = storage.rowsBack()
  while (rows.length < count) {
    const next = iterator.next()
    if (next.done === true) break
    rows.push(plain(next.value))
  }
  return rows
}

/** Three rows: 0 … 2, 3 … 3 and 4 … 9, of which the second is a checkpoint. */
function fill(storage: TapeStorage): NewRow[] {
  const rows = [row(0, 2), row(3, 3, { checkpoint: 3 }), row(4, 9, { checkpoint: 3 })]
  append(storage, rows.slice(0, 1), { newEpoch: 'epoch-1' })
  append(storage, rows.slice(1))
  return rows
}

/** `withRig` gives the test a fresh storage, and runs it where that storage lives. */
export function describeTapeStorage(name: string, withRig: (run: (rig: TapeStorageRig) => void) => Promise<void>): void {
  const onRig = (title: string, run: (rig: TapeStorageRig) => void) => test(title, () => withRig(run))

  describe(name, () => {
    onRig('[H1] has no head while nothing has been published, and reading it writes nothing', ({ storage, reopen }) => {
      for (const one of [storage, reopen()]) {
        expect(one.head()).toBeUndefined()
        expect(one.findClient('c')).toBeUndefined()
      }
      expect(reopen().head()).toBeUndefined()
    })

    onRig('[S4][T1] keeps the epoch, the end of the tape and the newest checkpoint', ({ storage, reopen }) => {
      append(storage, [row(0, 2)], { newEpoch: 'epoch-1' })
      expect(storage.head()).toMatchObject({ epoch: 'epoch-1', latestSeq: 2, checkpoint: 0 })
      append(storage, [row(3, 3, { checkpoint: 3 }), row(4, 9, { checkpoint: 3 })])
      for (const one of [storage, reopen()]) expect(one.head()).toMatchObject({ epoch: 'epoch-1', latestSeq: 9, checkpoint: 3 })
    })

    onRig('[T2][E1] gives the rows from any seq on, in order, byte for byte as they were appended', ({ storage, reopen }) => {
      const rows = fill(storage).map(plain)
      for (const one of [storage, reopen()]) {
        for (const [from, skipped] of [
          [0, 0],
          [1, 0],
          [2, 0],
          [3, 1],
          [4, 2],
          [7, 2],
          [9, 2],
          [10, 3],
          [2 ** 53 - 1, 3],
        ] as const) {
          expect(rowsOf(one, from)).toEqual(rows.slice(skipped))
        }
      }
    })

    onRig('[X2] gives the rows back from the end of the tape, and none while there is none', ({ storage, reopen }) => {
      for (const one of [storage, reopen()]) expect(rowsBack(one)).toEqual([])
      const rows = fill(storage).map(plain).reverse()
      for (const one of [storage, reopen()]) expect(rowsBack(one)).toEqual(rows)
      expect(rowsBack(storage, 1)).toEqual(rows.slice(0, 1))
      append(storage, [row(10, 10, { checkpoint: 3 })])
      expect(rowsBack(storage, 2).map(({ first }) => first)).toEqual([10, 4])
    })

    onRig('[T2] gives rows as they are taken: two readers do not disturb each other, and one may stop early', ({ storage }) => {
      fill(storage)
      const [one, two] = [storage.rowsFrom(0), storage.rowsFrom(3)]
      const taken = [one.next(), two.next(), one.next(), two.next(), one.next(), two.next()]
      expect(taken.map(({ done, value }) => (done === true ? 'end' : value?.first))).toEqual([0, 3, 3, 4, 4, 'end'])
      storage.rowsFrom(0).next()
      append(storage, [row(10, 10, { checkpoint: 3 })])
      expect(rowsOf(storage, 10)).toHaveLength(1)
    })

    onRig('[T1] gives the ledgers from a checkpoint on, in order', ({ storage, reopen }) => {
      const ledgers = fill(storage).map(({ ledger }) => ledger)
      for (const one of [storage, reopen()]) {
        expect([...one.ledgersFrom(3)]).toEqual(ledgers.slice(1))
        expect([...one.ledgersFrom(2)]).toEqual(ledgers)
        expect([...one.ledgersFrom(10)]).toEqual([])
      }
    })

    onRig('[T5] a segment takes the place of its rows, which begin behind it from then on', ({ storage, reopen }) => {
      const rows = [row(0, 2, { start: 0 }), row(3, 3, { start: 60 }), row(4, 9, { start: 80 }), row(10, 10, { start: 200 })]
      append(storage, rows, { newEpoch: 'epoch-1' })
      expect(storage.head()).toMatchObject({ bytes: 200 + (rows[3]?.body.length ?? 0), hot: { first: 0, start: 0 } })
      const segments = [
        { first: 0, last: 3, plain: { hash: 'a', bytes: 80, stored: 20 }, folded: { hash: 'b', bytes: 40, stored: 10 } },
        { first: 4, last: 9, plain: { hash: 'c', bytes: 120, stored: 30 } },
      ] as const
      const ledger = '[["x",1,"s"]]'
      expect(storage.seal({ segment: segments[0], ledger, retired: [['r', { counter: 3, sub: 's' }]] })).toEqual({ first: 4, start: 80 })
      expect(storage.seal({ segment: segments[1], ledger: undefined, retired: [] })).toEqual({ first: 10, start: 200 })
      for (const one of [storage, reopen()]) {
        expect(one.head()).toMatchObject({ latestSeq: 10, checkpoint: 0, hot: { first: 10, start: 200 } })
        expect(rowsOf(one, 0)).toEqual(rows.slice(3).map(plain))
        expect(rowsBack(one)).toEqual(rows.slice(3).map(plain))
        expect([...one.ledgersFrom(0)]).toEqual([ledger, rows[3]?.ledger])
        expect([...one.ledgersFrom(10)]).toEqual([rows[3]?.ledger])
        expect(one.findClient('r')).toEqual({ counter: 3, sub: 's' })
        const from = (seq: number) => [...{ [Symbol.iterator]: () => one.segmentsFrom(seq) }]
        expect([from(0), from(3), from(4), from(9), from(10)]).toEqual([segments, segments, segments.slice(1), segments.slice(1), []])
      }
    })

    onRig('[T5] nothing but the oldest rows is sealed, whole, and never the last one', ({ storage, reopen }) => {
      fill(storage)
      const seal = (first: number, last: number) => () =>
        storage.seal({ segment: { first, last, plain: { hash: `${first}`, bytes: 1, stored: 1 } }, ledger: '[]', retired: [] })
      for (const [first, last] of [
        [3, 3],
        [0, 1],
        [0, 4],
        [0, 9],
        [0, 12],
      ] as const) {
        expect(seal(first, last), `${first} … ${last}`).toThrow('no rows')
      }
      for (const one of [storage, reopen()]) {
        expect(rowsOf(one, 0)).toHaveLength(3)
        expect(one.segmentsFrom(0).next().done).toBe(true)
      }
    })

    onRig('[S5] knows who wrote the row of each seq, sealed or not, and keeps the secret', ({ storage, reopen }) => {
      const big = 2 ** 32 - 1
      append(storage, [row(0, 2), row(3, 3, { writer: 7 }), row(4, 9, { writer: 7 }), row(10, 12, { writer: big })], {
        newEpoch: 'epoch-1',
      })
      expect(storage.head()).toMatchObject({ writer: big })
      expect((storage.head() as TapeHead).secret).toBeUndefined()
      storage.append({ rows: [row(13, 13, { writer: 1 })], retired: [], newEpoch: undefined, secret: 'kept' })
      for (const one of [storage, reopen()]) expect(one.head()).toMatchObject({ writer: 1, secret: 'kept' })
      const writers = [undefined, undefined, 7, 7, 7, big, big, 1, undefined]
      const seqs = [0, 2, 3, 4, 9, 10, 12, 13, 14]
      for (const one of [storage, reopen()]) expect(seqs.map((seq) => one.writerOf(seq))).toEqual(writers)
      for (const [first, last] of [
        [0, 3],
        [4, 12],
      ] as const) {
        storage.seal({ segment: { first, last, plain: { hash: `${last}`, bytes: 1, stored: 1 } }, ledger: undefined, retired: [] })
        for (const one of [storage, reopen()]) expect(seqs.map((seq) => one.writerOf(seq))).toEqual(writers)
      }
    })

    onRig('[S6] goes on under another epoch, with all that it has', ({ storage, reopen }) => {
      const rows = fill(storage)
      const before = storage.head() as TapeHead
      storage.renew('epoch-2')
      for (const one of [storage, reopen()]) {
        expect(one.head()).toEqual({ ...before, epoch: 'epoch-2' })
        expect(rowsOf(one, 0)).toEqual(rows.map(plain))
      }
    })

    onRig('[P2][P5] finds the clients that were retired, in their newest state', ({ storage, reopen }) => {
      append(storage, [row(0, 0)], {
        newEpoch: 'e',
        retired: [
          ['a', { counter: 1, sub: 'x' }],
          ['b', { counter: 2 ** 53 - 1, sub: 'ü"' }],
        ],
      })
      append(storage, [row(1, 1)], { retired: [['a', { counter: 5, sub: 'x' }]] })
      for (const one of [storage, reopen()]) {
        expect(one.findClient('a')).toEqual({ counter: 5, sub: 'x' })
        expect(one.findClient('b')).toEqual({ counter: 2 ** 53 - 1, sub: 'ü"' })
        for (const nobody of ['c', 'A', '', '__proto__', 'toString']) expect(one.findClient(nobody)).toBeUndefined()
      }
    })

    onRig('[T2][N5] takes rows as large as they are cut', ({ storage, reopen }) => {
      const body = encoder.encode('x'.repeat(1_000_000))
      append(storage, [row(0, 0, { body, ledger: 'y'.repeat(600_000) })], { newEpoch: 'e' })
      const read = reopen().rowsFrom(0).next().value as TapeRow
      expect([read.body.length, read.body[0], read.body.at(-1)]).toEqual([1_000_000, 120, 120])
      expect([...reopen().ledgersFrom(0)][0]?.length).toBe(600_000)
    })

    onRig('[N2] keeps seqs up to 2^53 − 1', ({ storage, reopen }) => {
      const last = Number.MAX_SAFE_INTEGER
      append(storage, [row(last, last, { checkpoint: last, committedAt: last })], { newEpoch: 'e' })
      expect(reopen().head()).toMatchObject({ epoch: 'e', latestSeq: last, checkpoint: last })
      expect(rowsOf(reopen(), last).map(({ first }) => first)).toEqual([last])
    })

    onRig('[I7][I8] keeps that it is being imported, from the first append to the end', ({ storage, reopen }) => {
      const rows = [row(0, 0), row(1, 1), row(2, 2)]
      append(storage, rows.slice(0, 1), { newEpoch: 'e', beginsImport: true })
      append(storage, rows.slice(1, 2))
      for (const one of [storage, reopen()]) expect(one.head()).toMatchObject({ latestSeq: 1, isImporting: true })
      storage.endImport()
      append(storage, rows.slice(2))
      for (const one of [storage, reopen()]) expect(one.head()).not.toHaveProperty('isImporting')
      expect(rowsOf(storage, 0)).toEqual(rows.map(plain))
    })

    onRig('[I2][I7] keeps that an import has begun in a stream that was made before', ({ storage, reopen }) => {
      storage.configure({ isClosed: false, expires: undefined, at: 1, newEpoch: 'e' })
      append(storage, [row(0, 0)], { beginsImport: true })
      for (const one of [storage, reopen()]) expect(one.head()).toMatchObject({ epoch: 'e', latestSeq: 0, isImporting: true })
    })

    onRig('[G1][G4] tells since when objects have had one of some values, the earliest of them', ({ storage, reopen }) => {
      fill(storage)
      for (const name of ['project', 'city']) storage.addIndex({ name, pointer: `/${name}`, declaredAt: 9, builtTo: -1 })
      const [project = 0, city = 0] = storage.indexes().map(({ id }) => id)
      const member = (value: string, object: string, since: number, index = project) => ({ index, value, object, since })
      storage.noteMembers([member('p1', 'a', 3), member('p2', 'a', 5), member('p"1', 'b', 4), member('p1', 'c', 6, city)])
      storage.noteMembers([member('p1', 'a', 7), member('p2', 'a', 2)], { indexes: [project], to: 9 })
      for (const one of [storage, reopen()]) {
        const found = (values: readonly string[], objects: readonly string[]) =>
          Object.fromEntries(one.membersSince(project, values, objects))
        expect(found(['p1'], ['a', 'b', 'c'])).toEqual({ a: 3 })
        expect(found(['p1', 'p2', 'p"1'], ['c', 'b', 'a', 'a'])).toEqual({ a: 2, b: 4 })
        expect([found([], ['a']), found(['p1'], [])]).toEqual([{}, {}])
        expect(one.indexes().map(({ builtTo }) => builtTo)).toEqual([9, -1])
      }
      storage.noteMembers([], { indexes: [project, city], to: 7 })
      for (const one of [storage, reopen()]) {
        expect(one.indexes().map(({ builtTo }) => builtTo)).toEqual([7, 7])
      }
    })

    onRig('[V3][V5] is made as a fork, and made anew, and holds nothing of before', ({ storage, reopen }) => {
      const making = { stage: 'noting', epoch: 'p', sharedTo: 3, indexes: [], next: 0, after: '', end: -1 } as const
      const fork = { of: 'parent', through: 9, isWhole: false, making }
      expect(storage.fork()).toBeUndefined()
      for (const epoch of ['f1', 'f2']) {
        storage.beginFork(fork, epoch)
        for (const one of [storage, reopen()]) {
          expect(one.head()).toMatchObject({ epoch, latestSeq: -1, checkpoint: -1, bytes: 0, isImporting: true })
          expect(one.fork()).toEqual(fork)
          expect([rowsOf(one, 0), [...one.ledgersFrom(-1)], one.clientsAfter('', 9)]).toEqual([[], [], []])
          expect(one.segmentsFrom(0).next().done).toBe(true)
        }
        const plain = { hash: 'h', bytes: 9, stored: 5 }
        const segments = [
          { first: 0, last: 1, plain: { ...plain, owner: 'o' }, folded: plain },
          { first: 2, last: 3, plain },
        ]
        storage.adopt(segments)
        append(storage, [row(4, 9, { checkpoint: 9, ledger: '[]' })], { retired: [['c', { counter: 1, sub: 's' }]] })
        storage.keepFork({ ...fork, isWhole: true })
        for (const one of [storage, reopen()]) {
          expect([...{ [Symbol.iterator]: () => one.segmentsFrom(0) }]).toEqual(segments)
          expect([...one.ledgersFrom(9)]).toEqual(['[]'])
          expect(one.head()).toMatchObject({ epoch, latestSeq: 9, hot: { first: 4 } })
          expect(one.fork()).toMatchObject({ isWhole: true })
        }
      }
      storage.endImport()
      expect(reopen().head()).not.toHaveProperty('isImporting')
      storage.erase()
      expect(reopen().fork()).toBeUndefined()
    })

    onRig('[V3] looks through all of the tape anew for what is declared', ({ storage, reopen }) => {
      fill(storage)
      storage.addIndex({ name: 'n', pointer: '/p', declaredAt: 2, builtTo: -1 })
      const [{ id } = { id: -1 }] = storage.indexes()
      storage.noteMembers([{ index: id, value: 'v', object: 'o', since: 1 }], { indexes: [id], to: 2 })
      storage.rebuildIndexes()
      for (const one of [storage, reopen()]) {
        expect(one.indexes()).toEqual([{ id, name: 'n', pointer: '/p', declaredAt: 9, builtTo: -1 }])
        expect(one.membersSince(id, ['v'], ['o']).size).toBe(0)
      }
    })

    onRig('[V3] gives retired clients in the order of their ids, some at a time', ({ storage, reopen }) => {
      const all = ['B', 'a', 'a.1', 'b', 'b-', 'z'].map((id, i) => [id, { counter: i + 1, sub: 's' }] as const)
      append(storage, [row(0, 0)], { newEpoch: 'e', retired: [...all].reverse() })
      for (const one of [storage, reopen()]) {
        expect([one.clientsAfter('', 4), one.clientsAfter('b', 4), one.clientsAfter('z', 4)]).toEqual([all.slice(0, 4), all.slice(4), []])
      }
    })

    onRig('[H11] is deleted for ever, and nothing is left', ({ storage, reopen }) => {
      fill(storage)
      append(storage, [row(10, 10)], { retired: [['a', { counter: 1, sub: 'x' }]] })
      storage.erase()
      for (const one of [storage, reopen()]) {
        expect(one.head()).toBe('deleted')
        expect(rowsOf(one, 0)).toEqual([])
        expect([...one.ledgersFrom(0)]).toEqual([])
        expect(one.findClient('a')).toBeUndefined()
      }
      storage.erase()
      expect(reopen().head()).toBe('deleted')
    })

    onRig('[H11] can be deleted before it was ever published to', ({ storage, reopen }) => {
      storage.erase()
      for (const one of [storage, reopen()]) expect(one.head()).toBe('deleted')
    })
  })
}
