/** The ledger: who has published how far, kept in the tape's own rows and found again after any sleep. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LedgerEntry } from '../../src/server/tape/tape-storage.ts'
import { Ledger, type LedgerRecord } from '../../src/server/turn/ledger.ts'
import { MemoryTape } from '../support/memory-tape.ts'

/** A ledger on a tape of one-event rows, as the core keeps them together. */
class KeptLedger {
  readonly tape = new MemoryTape()
  readonly records: LedgerRecord[] = []
  readonly truth = new Map<string, LedgerEntry>()
  ledger = new Ledger(this.tape)
  #last = -1
  #checkpoint = -1

  record(changed: ReadonlyMap<string, LedgerEntry>): LedgerRecord {
    const record = this.ledger.record(changed)
    const last = ++this.#last
    if (record.isCheckpoint || this.#checkpoint < 0) this.#checkpoint = last
    this.tape.append({
      rows: [{ first: last, last, committedAt: 0, checkpoint: this.#checkpoint, ledger: record.text, body: new Uint8Array(), start: 0 }],
      retired: record.retired,
      newEpoch: last === 0 ? 'e' : undefined,
    })
    this.records.push(record)
    for (const [client, entry] of changed) this.truth.set(client, entry)
    return record
  }

  /** The ledger as a waking object reads it. */
  reloaded(): Ledger {
    return Ledger.load(this.tape, this.#checkpoint)
  }

  get checkpoint(): number {
    return this.#checkpoint
  }

  get rowsRead(): number {
    return this.#last - this.#checkpoint + 1
  }
}

/** As long as the subs of some identity providers: a few thousand clients fill a checkpoint. */
const subOf = (index: number) => `sub-${index % 7}`.padEnd(110, '.')

function entries(from: number, to: number, counter: number): Map<string, LedgerEntry> {
  return new Map(Array.from({ length: to - from }, (_, i) => [`client-${from + i}`, { counter, sub: subOf(from + i) }]))
}

describe('the ledger', () => {
  test('[P2][P5] remembers each client’s last counter and its sub, and no client that it was not told of', () => {
    const kept = new KeptLedger()
    kept.record(new Map([['a', { counter: 3, sub: 'x' }]]))
    kept.record(
      new Map([
        ['b', { counter: 1, sub: 'y' }],
        ['a', { counter: 4, sub: 'x' }],
      ]),
    )
    for (const ledger of [kept.ledger, kept.reloaded()]) {
      expect(ledger.lookup('a')).toEqual({ counter: 4, sub: 'x' })
      expect(ledger.lookup('b')).toEqual({ counter: 1, sub: 'y' })
      for (const nobody of ['c', '', 'toString', '__proto__']) expect(ledger.lookup(nobody)).toBeUndefined()
    }
  })

  test('[T1] a row carries the entries that its group changed, as text', () => {
    const kept = new KeptLedger()
    expect(kept.record(new Map([['a', { counter: 3, sub: 'x"y' }]]))).toEqual({
      text: '[["a",3,"x\\"y"]]',
      isCheckpoint: false,
      retired: [],
    })
    expect(kept.record(new Map())).toEqual({ text: '[]', isCheckpoint: false, retired: [] })
  })

  test('[T1] now and then a row carries all recent entries, so that a waking object reads a bounded number of bytes', () => {
    const kept = new KeptLedger()
    for (let round = 1; round <= 200; round++) kept.record(entries(0, 40, round))
    const checkpoints = kept.records.filter(({ isCheckpoint }) => isCheckpoint)
    expect(checkpoints.length).toBeGreaterThan(5)
    expect(checkpoints.length).toBeLessThan(100)
    for (const { text } of checkpoints) expect(JSON.parse(text)).toHaveLength(40)
    expect(kept.rowsRead).toBeLessThan(40)
    const reloaded = kept.reloaded()
    for (const [client, entry] of kept.truth) expect(reloaded.lookup(client)).toEqual(entry)
  })

  test('[T1] a checkpoint is written no oftener than its own size in entries', () => {
    const kept = new KeptLedger()
    for (let i = 0; i < 3000; i++) kept.record(entries(i, i + 1, 1))
    const written = kept.records.reduce((sum, { text }) => sum + text.length, 0)
    const plain = kept.records.length * JSON.stringify([['client-1000', 1, subOf(1000)]]).length
    expect(written).toBeLessThan(3 * plain)
  })

  test('[P2][P5] clients beyond its memory are retired to storage, and are known when they return', () => {
    const kept = new KeptLedger()
    for (let i = 0; i < 20_000; i += 500) kept.record(entries(i, i + 500, 1))
    const retired = kept.records.flatMap((record) => record.retired)
    expect(retired.length).toBeGreaterThan(10_000)
    expect(kept.tape.findClient('client-0')).toEqual({ counter: 1, sub: subOf(0) })
    for (const ledger of [kept.ledger, kept.reloaded()]) {
      for (const [client, entry] of kept.truth) expect(ledger.lookup(client)).toEqual(entry)
    }
    for (const { text } of kept.records) expect(text.length).toBeLessThan(1_000_000)

    kept.record(new Map([['client-0', { counter: 2, sub: subOf(0) }]]))
    expect([kept.ledger.lookup('client-0'), kept.reloaded().lookup('client-0')]).toEqual([
      { counter: 2, sub: subOf(0) },
      { counter: 2, sub: subOf(0) },
    ])
    for (let i = 20_000; i < 40_000; i += 500) kept.record(entries(i, i + 500, 1))
    expect(kept.tape.findClient('client-0')).toEqual({ counter: 2, sub: subOf(0) })
    expect(kept.reloaded().lookup('client-0')).toEqual({ counter: 2, sub: subOf(0) })
  })

  test('[T1] those that have been quiet longest are retired first', () => {
    const kept = new KeptLedger()
    kept.record(entries(0, 3000, 1))
    kept.record(entries(0, 10, 2))
    kept.record(entries(3000, 9000, 1))
    const order = kept.records.flatMap((record) => record.retired.map(([client]) => client))
    expect(order[0]).toBe('client-10')
    expect(order).toContain('client-2999')
    expect(order).not.toContain('client-8999')
    if (order.includes('client-0')) expect(order.indexOf('client-2999')).toBeLessThan(order.indexOf('client-0'))
  })

  test('[P2][P5] one group of more clients than memory holds loses none of them', () => {
    const kept = new KeptLedger()
    expect(kept.record(entries(0, 10_000, 1)).retired.length).toBeGreaterThan(5000)
    for (const ledger of [kept.ledger, kept.reloaded()]) {
      for (const [client, entry] of kept.truth) expect(ledger.lookup(client)).toEqual(entry)
    }
  })

  test('[T1] a checkpoint fits its row however long the names are', () => {
    const kept = new KeptLedger()
    for (let i = 0; i < 6000; i += 300) {
      const names = Array.from({ length: 300 }, (_, k) => `client-${i + k}`.padEnd(64, '.'))
      kept.record(new Map(names.map((client) => [client, { counter: 1, sub: '€'.repeat(200) }])))
    }
    const checkpoints = kept.records.filter(({ isCheckpoint }) => isCheckpoint)
    expect(checkpoints.length).toBeGreaterThan(1)
    for (const { text } of checkpoints) expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(512 * 1024)
    const reloaded = kept.reloaded()
    for (const [client, entry] of kept.truth) expect(reloaded.lookup(client)).toEqual(entry)
  })

  test('[L9][T1] reloaded at any moment it answers as the original does, and goes on as it does', () => {
    const changes = fc.array(fc.record({ from: fc.nat(12_000), count: fc.integer({ min: 1, max: 3000 }), isReloaded: fc.boolean() }), {
      minLength: 1,
      maxLength: 12,
    })
    fc.assert(
      fc.property(changes, (steps) => {
        const kept = new KeptLedger()
        let counter = 0
        for (const { from, count, isReloaded } of steps) {
          if (isReloaded) kept.ledger = kept.reloaded()
          kept.record(entries(from, from + count, ++counter))
        }
        const reloaded = kept.reloaded()
        for (const [client, entry] of kept.truth) {
          const found = [kept.ledger.lookup(client), reloaded.lookup(client)]
          if (found[0]?.counter !== entry.counter || found[1]?.counter !== entry.counter || found[1]?.sub !== entry.sub) {
            expect(found, client).toEqual([entry, entry])
          }
        }
        const next = entries(3, 5, counter + 1)
        expect(reloaded.record(next).retired).toEqual(kept.ledger.record(next).retired)
      }),
      { seed: 4096, numRuns: 60 },
    )
  })

  test('[V3] gives all clients in pages, in the order of their ids, each as it is now', () => {
    const kept = new KeptLedger()
    for (let round = 0; round < 12; round++) kept.record(entries(round * 1000, round * 1000 + 1000, 1))
    // Some that had been retired have come back since.
    kept.record(entries(500, 700, 2))
    expect(kept.tape.clientsAfter('', 20_000).length).toBeGreaterThan(5000)
    const all: (readonly [string, LedgerEntry])[] = []
    let pages = 0
    for (let isEnd = false; !isEnd; pages++) {
      const page = Ledger.page(kept.tape, kept.checkpoint, all.at(-1)?.[0] ?? '')
      all.push(...page.clients)
      isEnd = page.isEnd
    }
    expect(pages).toBeGreaterThan(2)
    expect(all).toEqual([...kept.truth].sort(([a], [b]) => (a < b ? -1 : 1)))
  })
})
