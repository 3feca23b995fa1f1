/** How a stream ends, and what outlasts it: a program that is over at once, a store that is cleared, a pause. */
import { describe, expect, test } from 'vitest'
import { MemoryStore, type SavedChange, StoreFailure } from '../../src/client/index.ts'
import type { Change } from '../../src/protocol/index.ts'
import { TestStore } from '../support/test-store.ts'
import { change, NotingModel, TestStream } from '../support/test-stream.ts'
import { TestBrowser, twoTabs } from '../support/test-tabs.ts'

const named = (identifier: string): Change => ({ ...change, identifier })

const identifiersIn = async (store: MemoryStore) => (await store.load())?.outbox.map(({ draft }) => draft.identifier)

describe('closing', () => {
  test('[C9] at once keeps what was published before the store was open', async () => {
    const store = new MemoryStore()
    const client = new TestStream({ store })
    client.stream.publish(named('early'))
    const closed = client.stream.close()
    await client.settle(10_000)
    await closed
    expect(await identifiersIn(store)).toEqual(['early'])
    expect(client.transport.links).toEqual([])
  })

  test('[C14] a follower waits until the owner has taken what it made', async () => {
    const browser = new TestBrowser()
    const owner = await browser.open('a')
    const follower = await browser.open('b')
    follower.stream.publish(named('last'))
    let isClosed = false
    const closed = follower.stream.close().then(() => {
      isClosed = true
    })
    expect(isClosed).toBe(false)
    await browser.settle()
    await closed
    expect(owner.model.pending).toMatchObject([{ identifier: 'last' }])
  })

  test('[C14] a tab that is opened, publishes and closes at once waits until the owner has taken what it made', async () => {
    const { browser, owner } = await twoTabs()
    const tab = browser.openNow('c')
    const publication = tab.stream.publish(named('mine'))
    const closed = tab.stream.close()
    await browser.settle(10)
    await closed
    expect(publication.state.type).toBe('queued')
    expect(owner.model.pending).toMatchObject([{ identifier: 'mine' }])
    expect((await owner.store.load())?.outbox).toMatchObject([{ draft: { identifier: 'mine' } }])
  })

  test('[C14] when all tabs close at once, what was made in each is saved: the lock goes from one to the next', async () => {
    const { browser, owner, follower } = await twoTabs()
    const third = await browser.open('c')
    const closing = [owner, follower, third].map(({ stream }, index) => {
      if (index > 0) stream.publish(named(`made-${index}`))
      return stream.close()
    })
    await browser.settle(10)
    await Promise.all(closing)
    expect((await owner.store.load())?.outbox.map(({ draft }) => draft.identifier)).toEqual(['made-1', 'made-2'])
    expect([follower, third].flatMap(({ transport, reported }) => [...transport.links, ...reported])).toEqual([])
    const heir = await browser.open('d')
    expect(heir.model.pending).toHaveLength(2)
  })

  test('[C14] a tab that closes beside the owner waits for the lock no more', async () => {
    const { browser, follower } = await twoTabs()
    expect(browser.waiting).toBe(1)
    void follower.stream.close()
    await browser.settle()
    expect(browser.waiting).toBe(0)
  })

  test('[C13] does not wait for ever for a store that cannot save', async () => {
    class FullStore extends MemoryStore {
      override save(): Promise<void> {
        return Promise.reject(new StoreFailure('full'))
      }
    }
    const client = new TestStream({ store: new FullStore() })
    await client.settle()
    client.stream.publish(change)
    const closed = client.stream.close()
    await client.settle(10_000)
    await closed
  })

  test('[C13] leaves the store alone from then on', async () => {
    const store = new TestStore()
    const client = new TestStream({ store })
    await client.welcome(-1, { counter: 0 })
    store.failures.save = ['failed']
    client.stream.publish(change)
    void client.stream.close()
    await client.settle(10_000)
    store.failures.save = []
    await client.settle(600_000)
    expect(store.saved.some(({ put = [] }) => put.length > 0)).toBe(false)
  })
})

describe('a store that somebody clears', () => {
  /** Forgets everything, its claim included, when it is told to. */
  class ClearableStore extends MemoryStore {
    #rest = new MemoryStore()
    #owner = ''

    async clear(): Promise<void> {
      this.#rest = new MemoryStore()
      this.#owner = ''
    }

    override async claim(owner: string): Promise<void> {
      this.#owner = owner
      await this.#rest.claim(owner)
    }

    override load() {
      return this.#rest.load()
    }

    override events() {
      return this.#rest.events()
    }

    override async save(saved: SavedChange): Promise<void> {
      if (this.#owner === '') throw new StoreFailure('cleared')
      await this.#rest.save(saved)
    }
  }

  test('[C13] is claimed again and given all that the client has; nothing is lost, and no draft called applied', async () => {
    const store = new ClearableStore()
    const client = new TestStream({ store })
    await client.welcome(-1, { counter: 0 })
    await client.slice([[0, 1]])
    const sent = client.stream.publish(named('sent'))
    await client.settle()
    client.link.events.onClose({})
    await store.clear()
    const made = client.stream.publish(named('made'))
    await client.settle()
    expect(await store.load()).toMatchObject({ client: 'me', nextCounter: 2, tape: { accounted: [] } })
    expect(await identifiersIn(store)).toEqual(['sent', 'made'])
    expect([sent.state.type, made.state.type]).toEqual(['sent', 'queued'])
    expect(client.stream.status.storage).toMatchObject({ trouble: undefined, unsaved: 0 })
    // What was kept of the tape is read again.
    await client.settle(1000)
    await client.welcome(1, { counter: 0 })
    await client.slice([[0, 1]])
    expect((await store.events()).map(({ seq }) => seq)).toEqual([0, 1])
  })
})

test('[C13] [C14] a tab that missed that the owner has no store to share hears it again, before it shows anything else', async () => {
  const browser = new TestBrowser()
  class LockedStore extends TestStore {
    override claim(): Promise<void> {
      return Promise.reject(new StoreFailure('unavailable'))
    }
  }
  const owner = await browser.open('a', new LockedStore())
  await owner.welcome(-1)
  browser.loses = ({ type }) => type === 'alone'
  const follower = await browser.open('b')
  browser.loses = () => false
  await owner.slice([[0, 1]])
  expect([follower.model.seqs, follower.stream.status.storage.isDurable]).toEqual([[], false])
  await follower.welcome(-1)
  await follower.slice([[0, 1]])
  expect(follower.model.seqs).toEqual([0, 1])
  expect(follower.model.resets).toBe(0)
})

test('[C13] [C14] a tab that cannot wait for the lock any more goes alone, with its drafts', async () => {
  const { browser, follower } = await twoTabs()
  browser.loses = ({ type }) => type === 'drafts'
  follower.stream.publish(named('mine'))
  await browser.failLocks(new Error('There is no room for the lock.'))
  expect(follower.reported).toMatchObject([{ message: 'There is no room for the lock.' }, { trouble: 'unavailable' }])
  await follower.welcome(-1, { counter: 0 })
  expect(follower.stream.status).toMatchObject({ connection: 'online', storage: { isDurable: false } })
  expect(follower.link.sent).toMatchObject([{ drafts: [{ counter: 1, identifier: 'mine' }] }])
  expect(follower.model.pending).toHaveLength(1)
})

describe('working offline on purpose', () => {
  test.each(['heir', 'third'] as const)(
    '[C14] asked for, or ended, between two owners holds for the next: said by the %s',
    async (speaker) => {
      for (const isPausedBefore of [false, true]) {
        const { browser, owner, follower: heir } = await twoTabs()
        const third = await browser.open('c')
        const states = () => [heir, third].map(({ stream }) => stream.status.connection)
        if (isPausedBefore) owner.stream.pause()
        await browser.settle()
        heir.store.failures.claim = [new Error('busy'), undefined]
        await browser.kill(owner)
        const { stream } = { heir, third }[speaker]
        if (isPausedBefore) stream.resume()
        else stream.pause()
        await browser.settle(5000)
        if (isPausedBefore) await heir.welcome(-1, { counter: 0 })
        expect(states()).toEqual(isPausedBefore ? ['online', 'online'] : ['paused', 'paused'])
      }
    },
  )

  test('[C14] asked for in a tab before it knows the owner is asked of the owner', async () => {
    const browser = new TestBrowser()
    const owner = await browser.open('a')
    await owner.welcome(-1, { counter: 0 })
    const opening = browser.open('b')
    const follower = await opening
    follower.stream.pause()
    await browser.settle()
    expect([owner.stream.status.connection, follower.stream.status.connection]).toEqual(['paused', 'paused'])
  })

  test('[C14] goes on when another process takes the store, and when the owner dies', async () => {
    const browser = new TestBrowser()
    const owner = await browser.open('a')
    await owner.welcome(-1, { counter: 0 })
    owner.stream.pause()
    await browser.fence()
    owner.stream.publish(change)
    await browser.settle(10_000)
    expect(owner.stream.status.connection).toBe('paused')
    expect(owner.transport.links).toHaveLength(1)
    const heir = await browser.open('b')
    await browser.kill(owner)
    expect(heir.stream.status.connection).toBe('paused')
  })
})

describe('settled', () => {
  test('[C12] rejects when another process takes the store while the client works offline on purpose', async () => {
    const store = new TestStore()
    const client = new TestStream({ store })
    await client.welcome(-1, { counter: 0 })
    client.stream.pause()
    const settled = client.stream.settled()
    await new TestStore(store).claim('another')
    client.stream.publish(change)
    void settled.catch(() => {})
    await client.settle()
    expect(client.stream.status).toMatchObject({ connection: 'stopped', storage: { trouble: 'fenced' } })
    await expect(client.stream.settled()).rejects.toThrow('stopped')
    client.stream.resume()
    await client.settle(60_000)
    expect([client.stream.status.connection, client.transport.links.length]).toEqual(['stopped', 1])
  })

  test('[C12] waits in a tab until that knows what waits in the others', async () => {
    const browser = new TestBrowser()
    const owner = await browser.open('a')
    owner.stream.publish(change)
    await browser.settle()
    const follower = await browser.open('b')
    let isSettled = false
    void follower.stream.settled().then(() => {
      isSettled = true
    })
    await browser.settle()
    expect(isSettled).toBe(false)
  })
})

test('[O3] a model that publishes while it is told leaves no other model behind', async () => {
  const client = new TestStream()
  const answering = new NotingModel()
  const apply = answering.apply.bind(answering)
  answering.apply = (events, pending) => {
    apply(events, pending)
    if (pending.length === 1) client.stream.publish(named('answer'))
  }
  client.stream.attach(answering)
  const last = new NotingModel()
  client.stream.attach(last)
  client.stream.publish(named('question'))
  for (const { pending } of [client.model, answering, last]) expect(pending).toHaveLength(2)
})
