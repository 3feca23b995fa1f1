import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ApplyContext, OutboundEventReceiver } from '../../src/client/reconciler.ts'
import { type CollectionModel, Members, Models, type ModelsOptions, StampedObjects, Value } from '../../src/models/index.ts'
import type { Draft, TapeEvent } from '../../src/protocol/index.ts'
import { anyDelivery, context, deliver } from './delivery.ts'

const collections = ['a', 'b', 'c', 'unheard'] as const

function event(seq: number, collection: string, client?: string): TapeEvent {
  return { seq, client, seen: seq - 1, type: 'insert', collection, identifier: `${collection}-${seq % 3}`, values: { n: seq } }
}

function draft(collection: string): Draft {
  return { type: 'insert', collection, identifier: 'mine', seen: -1, values: { n: 0 } }
}

/** Notes what it is given, and throws when told to. */
class Noting implements CollectionModel {
  receiver: OutboundEventReceiver | undefined
  readonly collections: readonly string[]
  readonly calls: { readonly seqs: readonly number[]; readonly pending: readonly Draft[]; readonly context: ApplyContext | undefined }[] =
    []
  resets = 0
  fails = false

  constructor(...own: readonly string[]) {
    this.collections = own
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[], context?: ApplyContext): void {
    this.calls.push({ seqs: events.map(({ seq }) => seq), pending, context })
    if (this.fails) throw new Error(`${this.collections} failed`)
  }

  reset(): void {
    this.resets++
    if (this.fails) throw new Error(`${this.collections} failed`)
  }

  get seqs(): readonly number[] {
    return this.calls.flatMap(({ seqs }) => seqs)
  }
}

function both(options?: ModelsOptions) {
  const [one, two] = [new Noting('a', 'b'), new Noting('c')]
  return { one, two, models: new Models([one, two], options) }
}

describe('several models', () => {
  test('[M10] get the events and drafts of their own collections alone, and vend through the one they are in', () => {
    const { one, two, models } = both()
    const receiver: OutboundEventReceiver = { didCreateDraft: () => {} }
    models.receiver = receiver
    expect([one.receiver, two.receiver, models.receiver]).toEqual([receiver, receiver, receiver])
    expect(models.collections).toEqual(['a', 'b', 'c'])
    const pending = [draft('c'), draft('a'), draft('unheard')]
    models.apply([event(0, 'a'), event(1, 'c'), event(2, 'b')], pending, context)
    expect(one.calls).toEqual([{ seqs: [0, 2], pending: [pending[1]], context }])
    expect(two.calls).toEqual([{ seqs: [1], pending: [pending[0]], context }])
    models.receiver = undefined
    expect(one.receiver).toBeUndefined()
  })

  test('[M10] are not called when nothing of theirs has changed, and keep the same array while their drafts are the same', () => {
    const { one, two, models } = both()
    const mine = draft('a')
    models.apply([], [mine], context)
    models.apply([event(0, 'c')], [mine, draft('c')], context)
    models.apply([event(1, 'a')], [mine], context)
    expect(one.calls.map(({ seqs }) => seqs)).toEqual([[], [1]])
    expect(one.calls[1]?.pending).toBe(one.calls[0]?.pending)
    expect(two.calls.map(({ seqs, pending }) => [seqs, pending.length])).toEqual([
      [[], 0],
      [[0], 1],
      [[], 0],
    ])
    const another = draft('a')
    models.apply([], [another], context)
    expect(one.calls.at(-1)?.pending).toEqual([another])
    expect(one.calls.at(-1)?.pending[0]).toBe(another)
    models.apply([], [mine], context)
    const later = { client: 'me', holes: [[3, 4]] as const }
    models.apply([], [mine], later)
    expect(one.calls.at(-1)).toMatchObject({ seqs: [], context: later })
  })

  test('[M10] that throw do not keep the others from theirs, and what they threw is thrown when all are done', () => {
    const { one, two, models } = both()
    one.fails = true
    expect(() => models.apply([event(0, 'a'), event(1, 'c')], [], context)).toThrow('a,b failed')
    expect(two.seqs).toEqual([1])
    two.fails = true
    expect(() => models.apply([event(2, 'a'), event(3, 'c')], [], context)).toThrow(AggregateError)
    expect(() => models.reset()).toThrow(AggregateError)
    expect([one.resets, two.resets]).toEqual([1, 1])
  })

  test('[M10] show what each would show by itself, in any order and pieces, repeated, folded or not, with drafts on top', () => {
    const anyCollections = fc.array(fc.constantFrom(...collections), { maxLength: 16 })
    const property = fc.property(anyCollections, anyCollections, anyDelivery, (made, mine, next) => {
      const events = made.map((collection, seq) => event(seq, collection))
      const pending = mine.map(draft)
      const alone = ['a', 'c'].map((collection) => new StampedObjects(collection))
      for (const objects of alone) objects.apply(events, pending)
      const inside = ['a', 'c'].map((collection) => new StampedObjects(collection))
      const models = new Models(inside.map((objects, index) => modelOf(objects, ['a', 'c'][index] ?? '')))
      deliver(models, events, next, pending)
      expect(inside.map(({ list }) => list)).toEqual(alone.map(({ list }) => list))
    })
    fc.assert(property, { seed: 1, numRuns: 500 })
  })

  test('[M10] can be several in one, one in several, and of several kinds', () => {
    const members = new Members('guests')
    const lamp = new Value('lights', { initial: false })
    const models = new Models([new Models([members]), lamp])
    models.apply([{ ...event(0, 'lights'), identifier: 'value', values: { value: true } }, event(1, 'guests')], [], context)
    expect([lamp.value, members.list.length, models.collections]).toEqual([true, 1, ['guests', 'lights']])
  })
})

function modelOf(objects: StampedObjects, collection: string): CollectionModel {
  return {
    collections: [collection],
    receiver: undefined,
    apply: (events, pending) => void objects.apply(events, pending),
    reset: () => objects.reset(),
  }
}

describe('events that no model handles', () => {
  const run = [event(0, 'a'), event(1, 'unheard'), event(2, 'b'), event(3, 'unheard'), event(4, 'c')]

  test('[M10] are counted by default, and the others go on', () => {
    const { one, two, models } = both()
    models.apply(run, [], context)
    expect([one.seqs, two.seqs, models.isStopped]).toEqual([[0, 2], [4], false])
    expect(models.unhandled).toEqual({ count: 2, last: run[3] })
    models.reset()
    expect(models.unhandled).toEqual({ count: 0 })
  })

  test('[M10] are given to the application’s function, whichever model or call of it throws', () => {
    const given: number[] = []
    const { one, two, models } = both({
      onUnhandled: ({ seq }) => {
        given.push(seq)
        throw new Error(`told of ${seq}`)
      },
    })
    expect(() => models.apply(run, [], context)).toThrow(AggregateError)
    expect([one.seqs, two.seqs, given]).toEqual([[0, 2], [4], [1, 3]])
  })

  test('[M10] stop everything from there on, until the application proceeds', () => {
    const { one, two, models } = both({ onUnhandled: 'stop' })
    models.apply(run, [], context)
    models.apply([event(5, 'c')], [], context)
    expect([one.seqs, two.seqs, models.isStopped, models.unhandled.count]).toEqual([[0], [], true, 2])
    models.proceed()
    expect([one.seqs, two.seqs, models.isStopped]).toEqual([[0, 2], [4, 5], false])
    models.proceed()
    models.apply([event(6, 'a')], [], context)
    expect([one.seqs, models.isStopped]).toEqual([[0, 2, 6], false])
    models.apply([event(7, 'unheard'), event(8, 'a')], [], context)
    expect([one.seqs, models.isStopped]).toEqual([[0, 2, 6], true])
    models.reset()
    models.apply([event(0, 'a')], [], context)
    expect([one.seqs, models.isStopped]).toEqual([[0, 2, 6, 0], false])
  })

  test('[M10] while they stop others do not stop what this client makes: it shows as pending, and from the tape', () => {
    const { one, models } = both({ onUnhandled: 'stop' })
    models.apply([event(0, 'unheard'), event(1, 'a', 'other'), event(2, 'a', 'me')], [draft('a')], context)
    expect([one.seqs, one.calls.at(-1)?.pending.length]).toEqual([[2], 1])
    // Another's insert, with a field that this client wrote later folded into it.
    const folded: TapeEvent = { ...event(3, 'a', 'other'), values: { n: 3, mine: 4 }, stamps: { mine: 4 }, makers: { mine: 'me' } }
    models.apply([folded], [], context)
    expect([one.seqs, one.calls.at(-1)?.pending.length]).toEqual([[2, 4], 0])
    models.proceed()
    expect(one.seqs).toEqual([2, 4, 1, 2, 3])
  })

  test('[M10] what is held back is a hole to the models, until it is given to them', () => {
    const { one, models } = both({ onUnhandled: 'stop' })
    models.apply([event(0, 'a'), event(1, 'unheard'), { ...event(2, 'a'), stamps: { n: 7 } }], [], { client: 'me', holes: [[8, 9]] })
    const holes = () => one.calls.at(-1)?.context?.holes
    expect(holes()).toEqual([
      [1, 2],
      [7, 9],
    ])
    models.apply([event(8, 'c')], [], context)
    expect(holes()).toEqual([
      [1, 2],
      [7, 8],
    ])
    models.apply([], [], context)
    expect(one.calls).toHaveLength(2)
    models.proceed()
    expect(one.calls.at(-1)).toEqual({ seqs: [2], pending: [], context })
  })

  test('[M10] a run of any length is held back', () => {
    const { two, models } = both({ onUnhandled: 'stop' })
    models.apply([event(0, 'unheard'), ...Array.from({ length: 200_000 }, (_, n) => event(n + 1, 'c'))], [], context)
    models.proceed()
    expect(two.seqs.length).toBe(200_000)
  })
})
