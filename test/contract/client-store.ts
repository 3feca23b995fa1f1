/** What every client store keeps. */
import { describe, expect, test } from 'vitest'
import type { ClientStore, OutboxEntry } from '../../src/client/index.ts'
import { testEvent } from '../support/test-stream.ts'

const entry = (place: number, counter?: number): OutboxEntry => ({
  place,
  counter,
  draft: { type: 'delete', collection: 'things', identifier: `thing-${place}`, seen: -1 },
})

export function clientStoreContract(name: string, create: () => ClientStore): void {
  describe(`the store: ${name}`, () => {
    test('[C9] has nothing at first', async () => {
      const store = create()
      expect(await store.load()).toBeUndefined()
      expect(await store.events()).toEqual([])
    })

    test('[C9] gives back what was saved, and leaves alone what a change does not name', async () => {
      const store = create()
      const tape = { epoch: 'e', latestSeq: 4, accounted: [[0, 2]] as const }
      await store.save({ client: 'me', nextCounter: 3, tape, events: [testEvent(0), testEvent(1)], put: [entry(1, 1), entry(2, 2)] })
      await store.save({ events: [testEvent(2)], remove: [1], put: [entry(3)] })
      expect(await store.load()).toEqual({ client: 'me', nextCounter: 3, tape, outbox: [entry(2, 2), entry(3)] })
      expect((await store.events()).map(({ seq }) => seq).sort()).toEqual([0, 1, 2])
    })

    test('[C9] keeps the outbox in order of place, whatever the order of saving', async () => {
      const store = create()
      await store.save({ client: 'me', put: [entry(3), entry(1)] })
      await store.save({ put: [entry(2), entry(1, 7)] })
      expect((await store.load())?.outbox).toEqual([entry(1, 7), entry(2), entry(3)])
    })

    test('[C9] saves in the order of the calls, without waiting in between', async () => {
      const store = create()
      const saves = [store.save({ client: 'me', nextCounter: 1 }), store.save({ nextCounter: 2 }), store.save({ nextCounter: 3 })]
      await Promise.all(saves)
      expect((await store.load())?.nextCounter).toBe(3)
    })

    test('[C8] forgets the events of an epoch that has ended', async () => {
      const store = create()
      await store.save({ client: 'me', events: [testEvent(0)] })
      await store.save({ forgetEvents: true, events: [testEvent(9)] })
      expect(await store.events()).toEqual([testEvent(9)])
    })
  })
}
