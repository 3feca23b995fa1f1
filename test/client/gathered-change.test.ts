import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryStore, type OutboxEntry, type SavedChange } from '../../src/client/index.ts'
import { GatheredChange } from '../../src/client/storage/gathered-change.ts'
import type { Draft, TapeEvent } from '../../src/protocol/index.ts'

const count = fc.nat(3)

const draft: Draft = { type: 'delete', collection: 'things', identifier: 'thing', seen: -1 }
const folded = { drafts: 1, bytes: 60 }

const entries: fc.Arbitrary<OutboxEntry> = fc.record({ place: count, madeAt: fc.nat() }).map((entry) => ({ ...entry, draft, folded }))

const events: fc.Arbitrary<TapeEvent> = fc
  .record({ seq: fc.nat(9), identifier: fc.constantFrom('a', 'b'), type: fc.constantFrom('insert', 'update') })
  .map(({ seq, ...event }) => ({ seq, seen: -1, collection: 'things', values: { seq }, ...event }))

const changes: fc.Arbitrary<SavedChange> = fc.record(
  {
    client: fc.constantFrom('me', 'you'),
    nextCounter: fc.nat(),
    tape: fc.nat().map((latestSeq) => ({ epoch: null, latestSeq, accounted: [] })),
    tabs: fc.dictionary(fc.constantFrom('x', 'y'), fc.nat()),
    forgetEvents: fc.boolean(),
    events: fc.array(events, { maxLength: 3 }),
    put: fc.array(entries, { maxLength: 3 }),
    remove: fc.array(count, { maxLength: 2 }),
  },
  { requiredKeys: [] },
)

/** What there was before: some of what the changes replace, remove and forget, and some that they leave alone. */
const before: SavedChange = {
  client: 'before',
  put: [0, 9].map((place) => ({ place, madeAt: -1, draft, folded })),
  events: ['a', 'c'].map((identifier) => ({ ...draft, identifier, seq: 20 })),
}

async function contentsAfter(saved: readonly SavedChange[]) {
  const store = new MemoryStore()
  await store.claim('test')
  for (const change of [before, ...saved]) await store.save(change)
  return [await store.load(), await store.events()]
}

function gather(changes: readonly SavedChange[]): SavedChange {
  return changes.reduce((gathered, change) => gathered.add(change), new GatheredChange()).change
}

test('[C9] changes that are saved together leave what they would leave one after the other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(changes, { maxLength: 4 }), async (several) => {
      expect(await contentsAfter([gather(several)])).toEqual(await contentsAfter(several))
    }),
    { seed: 1, numRuns: 1000 },
  )
})

test('[C9] what has been given out does not change with what is added later', async () => {
  const gathered = new GatheredChange().add({ client: 'me', events: [], put: [], remove: [1] })
  const { change } = gathered
  gathered.add({ client: 'you', forgetEvents: true, remove: [2] })
  expect(change).toEqual({ client: 'me', remove: [1] })
})
