import { expect, test } from 'vitest'
import { Bytes } from '../../src/models/index.ts'
import type { Change, Draft, TapeEvent } from '../../src/protocol/index.ts'
import { SimNetwork } from '../simulation/sim-network.ts'
import { comeToRest, SimProcess } from '../simulation/sim-process.ts'
import { SimServer } from '../simulation/sim-server.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { VirtualTime } from '../support/virtual-time.ts'

const context = { client: 'me', holes: [] }

function vending() {
  const bytes = new Bytes('files')
  const vended: Change[] = []
  bytes.apply([], [], context)
  bytes.receiver = {
    didCreateDraft: (change) => {
      vended.push(change)
      bytes.apply(
        [],
        vended.map((each): Draft => ({ seen: -1, ...each })),
        context,
      )
    },
  }
  return { bytes, vended }
}

test('[M11] bytes are edited by splices, which travel as base64', () => {
  const { bytes, vended } = vending()
  bytes.splice(0, 0, Uint8Array.of(1, 2, 3))
  bytes.splice(1, 1, Uint8Array.of(9, 8))
  expect([...bytes.value]).toEqual([1, 9, 8, 3])
  expect(bytes.value).toBe(bytes.value)
  expect([...bytes.slice(-2)]).toEqual([8, 3])
  expect(vended[0]).toEqual({
    type: 'update',
    collection: 'files',
    identifier: 'bytes',
    deltas: { bytes: [{ type: 'insert', offset: 0, values: { base64: 'AQID' } }] },
  })
  bytes.set(Uint8Array.of(1, 3))
  expect([...bytes.value]).toEqual([1, 3])
})

test('[M11] what is not within the content is refused, and changes nothing', () => {
  const { bytes, vended } = vending()
  bytes.splice(0, 0, Uint8Array.of(1, 2, 3))
  for (const [offset, removed] of [
    [-1, 0],
    [0, 4],
    [4, 0],
    [0.5, 0],
    [0, -1],
    [Number.NaN, 0],
  ] as const) {
    expect(() => bytes.splice(offset, removed)).toThrow(RangeError)
  }
  bytes.splice(1, 0)
  expect(() => bytes.set(new Uint8Array(32 * 1024 * 1024 + 1))).toThrow(/at most/)
  expect(vended).toHaveLength(1)
})

test('[M11] a large insertion goes in several drafts, and what a script wrote whole is taken', () => {
  const { bytes, vended } = vending()
  const large = Uint8Array.from({ length: 300_000 }, (_, index) => index * 7)
  bytes.set(large)
  expect(vended.length).toBeGreaterThan(1)
  expect(bytes.value).toEqual(large)
  const event: TapeEvent = {
    seq: 0,
    seen: -1,
    type: 'insert',
    collection: 'files',
    identifier: 'bytes',
    values: { bytes: { base64: 'AQID' } },
  }
  const other = new Bytes('files')
  other.apply([event], [], context)
  expect([...other.value]).toEqual([1, 2, 3])
  for (const odd of ['text', 5, { base64: '*' }, [1]]) {
    other.apply([{ ...event, seq: event.seq + 1, values: { bytes: odd } }], [], context)
    other.reset()
    expect(other.length).toBe(0)
  }
})

test('[M11][D8] several who edit them at once, over a bad network, end with the same bytes', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const [time, random] = [new VirtualTime(), new SeededRandom(seed)]
    const temper = { loss: 0.1, failure: 0.1, delayMsMax: 100 }
    const network = new SimNetwork(new SimServer(time, { tape: new MemoryTape() }), { time, random, temper })
    const people = ['A', 'B', 'C'].map((name) => {
      const stream = new SimProcess(name, { time, network, random }).open()
      const bytes = new Bytes('files')
      stream.attach(bytes)
      return { stream, bytes }
    })
    for (let step = 0; step < 60; step++) {
      const { bytes } = random.pick(people)
      if (bytes.isReady) {
        const offset = random.below(bytes.length + 1)
        const removed = random.chance(0.3) ? Math.min(bytes.length - offset, random.below(4)) : 0
        bytes.splice(
          offset,
          removed,
          Uint8Array.from({ length: random.below(5) }, () => random.below(256)),
        )
      }
      if (random.chance(0.05)) network.cutOne()
      await time.advance(random.next() * 30)
    }
    temper.loss = temper.failure = 0
    expect(await comeToRest(() => people.map(({ stream }) => stream), { time, network, isAtRest: () => true })).toBe(true)
    const [first] = people
    expect(first?.bytes.length).toBeGreaterThan(10)
    for (const { bytes, stream } of people) {
      expect(bytes.value).toEqual(first?.bytes.value)
      expect(stream.status.refused).toEqual([])
    }
  }
})
