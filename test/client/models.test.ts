/** Models that come and go, throw, publish and meddle while they are told: nothing is lost, doubled or crashes. */
import { describe, expect, test } from 'vitest'
import type { ModelReconciler, OutboundEventReceiver } from '../../src/client/index.ts'
import { applyEvent, type Draft, type ObjectState, type TapeEvent, unborn } from '../../src/protocol/index.ts'
import { TestStore } from '../support/test-store.ts'
import { change, epoch, NotingModel, plainSlice, TestStream, testEvent } from '../support/test-stream.ts'
import { named, twoTabs } from '../support/test-tabs.ts'

/** Does something when it is told. */
class BusyModel extends NotingModel {
  readonly #act: (events: readonly TapeEvent[], pending: readonly Draft[]) => void

  constructor(act: (events: readonly TapeEvent[], pending: readonly Draft[]) => void) {
    super()
    this.#act = act
  }

  override apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    super.apply(events, pending)
    this.#act(events, pending)
  }
}

async function online(): Promise<TestStream> {
  const client = new TestStream()
  await client.welcome(-1)
  return client
}

describe('a model that comes and goes', () => {
  test('[C17] attached twice is told once, and is gone when it is detached once', async () => {
    const client = await online()
    const detach = client.stream.attach(client.model)
    client.stream.attach(client.model)
    await client.slice([[0, 1]])
    expect(client.model.runs).toEqual([[0, 1]])
    detach()
    expect(client.model.receiver).toBeUndefined()
    await client.slice([[2, 2]])
    expect(client.model.runs).toEqual([[0, 1]])
  })

  test('[C17] attached late twice, before it has been given anything, is given it once', async () => {
    const client = await online()
    await client.slice([[0, 1]])
    const late = new NotingModel()
    client.stream.attach(late)
    client.stream.attach(late)
    await client.settle()
    expect(late.runs).toEqual([[0, 1]])
  })

  test('[C17] detached and attached again at once is given everything once; what ended before ends nothing any more', async () => {
    const client = await online()
    await client.slice([[0, 1]])
    const late = new NotingModel()
    const detach = client.stream.attach(late)
    client.stream.detach(late)
    client.stream.attach(late)
    detach()
    await client.settle()
    await client.slice([[2, 2]])
    expect(late.runs).toEqual([[0, 1], [2]])
    expect(late.receiver).toBe(client.stream)
  })

  test('[C17] shows one tape: whoever attaches it to a second stream is told, and nothing has happened', async () => {
    const [first, second] = [await online(), await online()]
    const model = new NotingModel()
    const detach = first.stream.attach(model)
    expect(() => second.stream.attach(model)).toThrow('hangs on something else')
    expect(model.receiver).toBe(first.stream)
    detach()
    second.stream.attach(model)
    detach()
    expect(model.receiver).toBe(second.stream)
  })

  test('[C17] detached in the middle of a catch-up is told no more, and when it comes back lacks nothing', async () => {
    const client = new TestStream()
    await client.welcome(8191)
    const detach = client.stream.attach(client.model)
    client.transport.reads[0]?.answer({ ...plainSlice([[0, 4095]]), latestSeq: 8191 })
    await client.settle()
    detach()
    client.transport.reads[1]?.answer({ ...plainSlice([[4096, 8191]]), latestSeq: 8191 })
    await client.settle()
    expect(client.model.runs).toEqual([])
    client.stream.attach(client.model)
    await client.settle()
    expect(client.model.seqs).toHaveLength(8192)
  })

  test('[C17] attached in the middle of a catch-up lacks nothing at its end', async () => {
    const client = new TestStream()
    await client.welcome(8191)
    client.transport.reads[0]?.answer({ ...plainSlice([[0, 4095]]), latestSeq: 8191 })
    await client.settle()
    const late = new NotingModel()
    client.stream.attach(late)
    client.transport.reads[1]?.answer({ ...plainSlice([[4096, 8191]]), latestSeq: 8191 })
    await client.settle()
    expect(new Set(late.seqs).size).toBe(8192)
    expect(client.model.seqs).toHaveLength(8192)
  })

  test('[C17] attached while a store is slow to be read is given what comes meanwhile, and what was kept when it can be', async () => {
    const store = new TestStore()
    const client = new TestStream({ store })
    await client.welcome(-1)
    await client.slice([[0, 1]])
    store.failures.events = [new Error('busy'), undefined]
    const late = new NotingModel()
    client.stream.attach(late)
    await client.slice([[2, 2]])
    expect(late.runs).toEqual([[2]])
    await client.settle(1000)
    expect(new Set(late.seqs)).toEqual(new Set([0, 1, 2]))
    expect(client.reported).toHaveLength(1)
  })

  test('[C17] [C8] attached while the tape begins anew is given the new one alone', async () => {
    const client = await online()
    await client.slice([[0, 5]])
    client.link.events.onClose({})
    await client.settle(1000)
    const late = new NotingModel()
    client.stream.attach(late)
    client.link.events.onFrame(JSON.stringify({ type: 'welcome', epoch: 'epoch-2', latestSeq: 0, expiresInMs: 1000 }))
    await client.frame({ type: 'slice', ...plainSlice([[0, 0]]), epoch: 'epoch-2' })
    expect([late.resets, late.runs]).toEqual([1, [[0]]])
  })

  test('[C17] [C14] attached to a tab while another takes over is given everything', async () => {
    const { browser, owner, follower } = await twoTabs()
    await owner.slice([[0, 2]])
    const late = new NotingModel()
    follower.stream.attach(late)
    await browser.kill(owner)
    await follower.settle()
    await follower.welcome(3, { counter: 0, follows: [[3, 3]] })
    await follower.slice([[3, 3]])
    expect(new Set(late.seqs)).toEqual(new Set([0, 1, 2, 3]))
  })
})

describe('a model that does things while it is told', () => {
  test('[C17] throws: it is reported, and the others are told', async () => {
    const client = await online()
    client.stream.detach(client.model)
    const thrown = new Error('a bug')
    client.stream.attach(
      new BusyModel(() => {
        throw thrown
      }),
    )
    client.stream.attach(client.model)
    await client.settle()
    await client.slice([[0, 0]])
    const publication = client.stream.publish(change)
    await client.settle()
    await client.frame({ type: 'slice', ...plainSlice([[1, 1]], () => ({ ...change, client: 'me', counter: 1 })) })
    expect(client.model.runs).toEqual([[0], [1]])
    expect(publication.state.type).toBe('applied')
    expect(new Set(client.reported)).toEqual(new Set([thrown]))
  })

  test('[C17] attaches another: that is given everything, what is just being told among it', async () => {
    const client = await online()
    await client.slice([[0, 0]])
    const late = new NotingModel()
    client.stream.attach(new BusyModel((events) => events.some(({ seq }) => seq === 1) && client.stream.attach(late)))
    await client.settle()
    await client.slice([[1, 1]])
    await client.slice([[2, 2]])
    expect(new Set(late.seqs)).toEqual(new Set([0, 1, 2]))
  })

  test('[C17] detaches another, and itself: neither is told any more, and the rest are', async () => {
    const client = await online()
    client.stream.detach(client.model)
    const [other, last] = [new NotingModel(), new NotingModel()]
    const busy = new BusyModel((events) => {
      if (events.length === 0) return
      client.stream.detach(other)
      client.stream.detach(busy)
    })
    for (const model of [busy, other, last]) client.stream.attach(model)
    await client.settle()
    await client.slice([[0, 0]])
    await client.slice([[1, 1]])
    expect([busy.runs, other.runs, last.runs]).toEqual([[[0]], [], [[0], [1]]])
  })

  test('[C17] publishes: those behind it are told of the events with the draft, once, and not of the draft alone', async () => {
    const client = await online()
    client.stream.detach(client.model)
    const told: (readonly [events: number, pending: number])[] = []
    const last = new BusyModel((events, pending) => told.push([events.length, pending.length]))
    let isFirst = true
    const busy = new BusyModel((events) => {
      if (events.length > 0 && isFirst) {
        isFirst = false
        busy.receiver?.didCreateDraft(change)
        expect(busy.pending, 'it shows before that returns').toHaveLength(1)
      }
    })
    client.stream.attach(busy)
    client.stream.attach(last)
    await client.settle()
    told.length = 0
    await client.slice([[0, 1]])
    expect(busy.runs).toEqual([[0, 1]])
    expect(told).toEqual([[2, 1]])
    expect(client.link.sent).toMatchObject([{ drafts: [{ seen: 1 }] }])
  })

  test('[C17] publishes when its own draft comes: in no moment is one gone from what is pending and not on the tape', async () => {
    const client = await online()
    client.stream.detach(client.model)
    const moments: string[] = []
    const busy = new BusyModel((events) => {
      if (events.some(({ counter }) => counter === 1)) client.stream.publish({ ...change, identifier: 'next' })
    })
    const last: NotingModel = new BusyModel((_, pending) => {
      const shown = [...last.seqs.map((seq) => `on tape ${seq}`), ...pending.map(({ identifier }) => identifier)]
      moments.push(shown.join(', '))
    })
    client.stream.attach(busy)
    client.stream.attach(last)
    client.stream.publish(change)
    await client.settle()
    moments.length = 0
    await client.frame({ type: 'slice', ...plainSlice([[0, 0]], () => ({ ...change, client: 'me', counter: 1 })) })
    expect(moments).toEqual(['on tape 0, next'])
  })

  test('[C17] publishes when it is reset: the draft belongs to the new tape', async () => {
    const client = await online()
    await client.slice([[0, 3]])
    client.model.reset = () => {
      client.stream.publish(change)
    }
    client.link.events.onClose({})
    await client.settle(1000)
    await client.frame({ type: 'welcome', epoch: 'epoch-2', latestSeq: -1, expiresInMs: 1000 })
    expect(client.link.sent).toMatchObject([{ drafts: [{ seen: -1, identifier: 'mine' }] }])
    expect(client.model.pending).toHaveLength(1)
  })

  test('[C17] closes the stream: nothing more is told, nothing crashes', async () => {
    const client = await online()
    client.stream.attach(new BusyModel((events) => events.length > 0 && void client.stream.close()))
    await client.slice([[0, 0]])
    await client.settle(5000)
    expect([client.stream.status.connection, client.reported]).toEqual(['stopped', []])
  })
})

test('[C17] two models of one collection show the same, whatever each is given when', async () => {
  class Objects implements ModelReconciler {
    receiver: OutboundEventReceiver | undefined
    readonly states = new Map<string, ObjectState>()
    apply(events: readonly TapeEvent[]): void {
      for (const event of events) this.states.set(event.identifier, applyEvent(this.states.get(event.identifier) ?? unborn, event))
    }
    reset(): void {
      this.states.clear()
    }
  }
  const by = (seq: number): Partial<TapeEvent> => ({ identifier: `thing-${seq % 3}`, type: seq < 3 ? 'insert' : 'update', seen: seq - 1 })
  const client = await online()
  const [early, late] = [new Objects(), new Objects()]
  client.stream.attach(early)
  await client.frame({ type: 'slice', ...plainSlice([[0, 5]], by) })
  await client.frame({ type: 'slice', ...plainSlice([[9, 11]], by) })
  client.stream.attach(late)
  await client.frame({ type: 'slice', ...plainSlice([[6, 8]], by), latestSeq: 11 })
  await client.settle()
  expect(late.states).toEqual(early.states)
  expect(early.states.size).toBe(3)
})

describe('what models are given', () => {
  const nested = { list: [1, { deep: [true] }], record: { text: 'x' }, none: null }

  function tryAll(values: unknown): string[] {
    const attempts: Record<string, () => void> = {
      'a field': () => Object.assign(values as object, { list: 1 }),
      'a list': () => (values as { list: unknown[] }).list.push(1),
      'what is deep in it': () => ((values as { list: [number, { deep: boolean[] }] }).list[1].deep[0] = false),
      'a record': () => Object.assign((values as { record: object }).record, { more: 1 }),
    }
    return Object.entries(attempts).flatMap(([name, attempt]) => {
      try {
        attempt()
        return [name]
      } catch (error) {
        return error instanceof TypeError ? [] : [`${name}: ${error}`]
      }
    })
  }

  test('[C17] events are frozen through and through, live, kept, over HTTP and folded; what changes them is told so', async () => {
    const store = new TestStore()
    await store.claim('before')
    await store.save({ client: 'me', tape: { epoch, latestSeq: 0, accounted: [[0, 0]] }, events: [testEvent(0, { values: nested })] })
    const client = new TestStream({ store })
    const changed: string[] = []
    let given = 0
    client.stream.attach(
      new BusyModel((events) => {
        for (const event of events) {
          given++
          changed.push(...tryAll(event.values))
          if (!Object.isFrozen(event)) changed.push('the event')
        }
        ;(events as TapeEvent[]).length = 0
      }),
    )
    await client.welcome(8000)
    for (const { ranges, answer } of client.transport.reads) {
      answer({ ...plainSlice(ranges, (seq) => ({ identifier: `thing-${seq % 10}`, type: 'update', values: nested })), latestSeq: 8000 })
    }
    await client.settle()
    await client.frame({ type: 'slice', ...plainSlice([[8001, 8001]], () => ({ values: nested })) })
    expect([changed, given]).toEqual([[], 12])
    expect(client.reported.every((error) => error instanceof TypeError)).toBe(true)
    expect(client.model.seqs).toHaveLength(12)
  })

  test('[C17] drafts are frozen, and so is what they come in; the application keeps its own', async () => {
    const client = await online()
    const values = { ...nested, list: [1, { deep: [true] }] }
    client.stream.publish({ ...change, values, expect: { unchanged: ['list'] } })
    client.stream.publish({ ...change, type: 'update', values: { more: [1] }, expect: { unchanged: ['list'] } })
    const [draft] = client.model.pending
    expect([tryAll(draft?.values), Object.isFrozen(draft), Object.isFrozen(draft?.expect?.unchanged)]).toEqual([[], true, true])
    expect(Object.isFrozen(client.model.pending)).toBe(true)
    expect([Object.isFrozen(values), Object.isFrozen(values.list)]).toEqual([false, false])
    await client.settle()
    expect(client.link.sent).toMatchObject([{ drafts: [{ values: { ...nested, more: [1] } }] }])
  })

  test('[C17] [C14] a tab that follows is given frozen ones, too, before an owner has taken its drafts and after', async () => {
    const { owner, follower } = await twoTabs()
    follower.stream.publish({ ...named('theirs'), values: nested })
    expect(tryAll(follower.model.pending[0]?.values)).toEqual([])
    await follower.settle()
    expect([owner, follower].flatMap(({ model }) => tryAll(model.pending[0]?.values))).toEqual([])
    const given: unknown[] = []
    follower.stream.attach(new BusyModel((events) => given.push(...events)))
    await owner.frame({ type: 'slice', ...plainSlice([[0, 0]], () => ({ values: nested })) })
    expect(given).toHaveLength(1)
    expect(tryAll((given[0] as TapeEvent).values)).toEqual([])
  })
})
