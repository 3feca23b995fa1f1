import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Counter, type Malformed } from '../../src/models/index.ts'
import { type Change, type Draft, foldDrafts, foldEvents, type TapeEvent, type Values } from '../../src/protocol/index.ts'
import { settle, TestDevice } from '../support/test-device.ts'
import { anyDelivery, deliver } from './delivery.ts'

const max = Number.MAX_SAFE_INTEGER

function row(seq: number, identifier: string, values: Values, more: Partial<TapeEvent> = {}): TapeEvent {
  return { seq, seen: seq - 1, type: 'insert', collection: 'clinks', identifier, values, ...more }
}

/** A counter on a device of its own. */
function counting(client: string, tape: TapeEvent[]) {
  let hands = 0
  const problems: Malformed[] = []
  const counter = new Counter('clinks', {
    newIdentifier: () => `${client}-${++hands}`,
    onProblem: (problem) => problems.push(problem),
  })
  const device = new TestDevice({ client, tape, model: counter })
  let told = 0
  counter.subscribe(() => told++)
  return { counter, device, problems, told: () => told }
}

describe('a counter', () => {
  test('[M8] adds up what is counted at the same time, whoever hears of what when', () => {
    const tape: TapeEvent[] = []
    const [a, b] = [counting('a', tape), counting('b', tape)]
    a.counter.add(3)
    b.counter.add(4)
    a.counter.add(-1)
    expect([a.counter.value, b.counter.value]).toEqual([2, 4])
    settle(a.device, b.device)
    expect([a.counter.value, b.counter.value]).toEqual([6, 6])
    b.counter.add(10)
    settle(a.device, b.device)
    expect([a.counter.value, b.counter.value]).toEqual([16, 16])
  })

  test('[M8] has a row for each instance that has counted, and folds what one counts offline into one draft', () => {
    const tape: TapeEvent[] = []
    const { counter, device } = counting('a', tape)
    const vended: Change[] = []
    counter.receiver = {
      didCreateDraft: (change) => {
        vended.push(change)
        device.didCreateDraft(change)
      },
    }
    for (let clinks = 0; clinks < 50; clinks++) counter.add(2)
    expect(new Set(vended.map(({ identifier }) => identifier))).toEqual(new Set(['a-1']))
    const drafts = vended.map((change): Draft => ({ seen: -1, ...change }))
    expect(foldDrafts(drafts, () => false)).toEqual([drafts.at(-1)])
    expect(drafts.at(-1)?.values).toEqual({ count: 100 })
  })

  test('[M8] counts all that was counted, in any order and pieces, repeated, folded or not, with what is pending on top', () => {
    const anyStep = fc.record({
      who: fc.nat(2),
      amount: fc.integer({ min: -5, max: 9 }),
      after: fc.constantFrom('nothing', 'send', 'hear', 'reload'),
    })
    const property = fc.property(fc.array(anyStep, { maxLength: 40 }), anyDelivery, (steps, next) => {
      const tape: TapeEvent[] = []
      let opened = 0
      const open = () => counting(`client-${++opened}`, tape)
      const clients = [open(), open(), open()]
      let expected = 0
      for (const { who, amount, after } of steps) {
        const { counter, device } = clients[who] as ReturnType<typeof open>
        counter.add(amount)
        expected += amount
        if (after === 'send') device.send()
        else if (after === 'hear') device.hear(2)
        else if (after === 'reload') {
          settle(device)
          clients[who] = open()
        }
      }
      settle(...clients.map(({ device }) => device))
      for (const { counter } of clients) expect(counter.value).toBe(expected)

      const reader = counting('reader', [])
      const pending: Draft[] = [{ type: 'insert', collection: 'clinks', identifier: 'reader-1', seen: -1, values: { count: 7 } }]
      deliver(reader.counter, tape, next, pending)
      expect(reader.counter.value).toBe(expected + 7)
      reader.counter.apply(foldEvents(tape), [])
      expect(reader.counter.value).toBe(expected)
    })
    fc.assert(property, { seed: 1, numRuns: 500 })
  })

  test.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, max + 1, '3', undefined])('[M8] does not take %s', (amount) => {
    const { counter, device } = counting('a', [])
    expect(() => counter.add(amount as number)).toThrow(RangeError)
    expect([counter.value, device.isIdle]).toEqual([0, true])
  })

  test('[M8] does not count beyond what can be counted exactly, and shows the end of that when others did together', () => {
    const tape: TapeEvent[] = []
    const [a, b] = [counting('a', tape), counting('b', tape)]
    a.counter.add(max)
    expect(() => a.counter.add(1)).toThrow(RangeError)
    expect(a.counter.value).toBe(max)
    b.counter.add(max)
    settle(a.device, b.device)
    expect([a.counter.value, b.counter.value]).toEqual([max, max])
    expect(() => b.counter.add(1)).toThrow(RangeError)
    const c = counting('c', tape)
    settle(c.device)
    expect(() => c.counter.add(1), 'the total').toThrow(RangeError)
    // Nothing is lost of what is beyond.
    b.counter.apply([row(tape.length, 'script', { count: -max })], [])
    expect(b.counter.value).toBe(max)
    b.counter.apply([row(tape.length + 1, 'script-2', { count: -max })], [])
    expect(b.counter.value).toBe(0)
    expect(() => b.counter.add(1), 'the hand’s own').toThrow(RangeError)
    expect(() => b.counter.add(-1)).not.toThrow()
  })

  test('[M8] counts a malformed row as 0 and reports it, and the rest as it is', () => {
    const { counter, problems } = counting('a', [])
    const poison = ['7', 1.5, null, [3], { count: 3 }, 2 ** 60].map((count, seq) => row(seq, `bad-${seq}`, { count }))
    counter.apply([...poison, row(6, 'empty', {}), row(7, 'good', { count: 5 }), row(8, 'constructor', { count: 6, toString: 1 })], [])
    expect(counter.value).toBe(11)
    expect(problems.map(({ identifier }) => identifier)).toEqual([...poison.map(({ identifier }) => identifier), 'empty'])
    counter.apply([row(9, 'bad-0', { count: 4 }), row(10, 'good', {}, { type: 'delete' })], [])
    expect(counter.value).toBe(10)
  })

  test('[M8] leaves its row as it is and takes another one when that does not show what it wrote', () => {
    const tape: TapeEvent[] = []
    const { counter, device } = counting('a', tape)
    counter.add(5)
    device.refuse()
    expect(counter.value).toBe(0)
    counter.add(3)
    // The one that was refused is tried again.
    device.didCreateDraft({ type: 'insert', collection: 'clinks', identifier: 'a-1', values: { count: 5 } })
    settle(device)
    expect(counter.value).toBe(8)
    tape.push(row(tape.length, 'a-2', { count: 100 }))
    device.hear()
    counter.add(1)
    settle(device)
    expect(counter.value).toBe(106)
  })

  test('[M8] after a reset counts on another row: the old one may yet come back', () => {
    const tape: TapeEvent[] = []
    const { counter, device } = counting('a', tape)
    counter.add(5)
    settle(device)
    counter.reset()
    expect(counter.value).toBe(0)
    counter.add(2)
    counter.apply(tape, [])
    settle(device)
    counter.apply(tape, [])
    expect(counter.value).toBe(7)
  })

  test('[M8] tells its listeners once a run, and only when the total has changed', () => {
    const tape: TapeEvent[] = []
    const { counter, device, told } = counting('a', tape)
    counter.add(5)
    expect(told()).toBe(1)
    settle(device)
    expect(told()).toBe(1)
    counter.add(0)
    counter.apply([row(1, 'x', { count: 1 }), row(2, 'y', { count: 2 }), row(3, 'z', { count: -3 })], [])
    expect(told()).toBe(1)
    counter.apply([row(4, 'x', { count: 2 }), row(5, 'y', { count: 3 })], [])
    expect(told()).toBe(2)
    counter.reset()
    expect(told()).toBe(3)
    expect(() => new Counter('clinks').add(1)).toThrow(/Attach/)
  })
})
