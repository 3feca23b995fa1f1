/** A browser with tabs that share a stream: one store, one lock and one channel, and tabs that can be killed. */
import type { Publication, TabChannel, TabMessage, Tabs } from '../../src/client/index.ts'
import type { Change, ObjectFilter } from '../../src/protocol/index.ts'
import { TestStore } from './test-store.ts'
import { change, plainSlice, TestStream } from './test-stream.ts'
import { VirtualTime } from './virtual-time.ts'

export interface TestTab extends TestStream {
  readonly store: TestStore
}

type Release = (() => void) | undefined

export class TestBrowser {
  readonly time = new VirtualTime()
  /** Everything that was posted. */
  readonly posted: TabMessage[] = []
  /** Loses the messages that it says yes to. */
  loses: (message: TabMessage) => boolean = () => false
  readonly #first = new TestStore()
  readonly #channels = new Map<string, TestChannel>()
  readonly #locks = new TestLock()
  readonly #opened = new Map<TestStream, { readonly name: string; readonly store: TestStore; readonly tabs: Tabs }>()

  /** Opens a tab; its ids are `name-1` (the tab's own), `name-2` … */
  async open(name: string, store?: TestStore, wanted?: readonly ObjectFilter[]): Promise<TestTab> {
    const tab = this.openNow(name, store, wanted)
    await this.settle()
    return tab
  }

  /** The same, and nothing has happened in it yet. */
  openNow(name: string, store = new TestStore(this.#first), wanted?: readonly ObjectFilter[]): TestTab {
    const channel = new TestChannel((message) => this.#deliver(name, message))
    this.#channels.set(name, channel)
    let ids = 0
    const tabs: Tabs = {
      channel,
      onPresence: undefined,
      own: (options) => this.#locks.own(name, options?.ifFree === true),
      close: () => {
        channel.close()
        this.#locks.giveUp(name)
      },
    }
    const tab = Object.assign(new TestStream({ store, time: this.time, tabs, wanted, newId: () => `${name}-${++ids}` }), { store })
    this.#opened.set(tab, { name, store, tabs })
    return tab
  }

  /** The process is gone, whatever it was about to do. */
  async kill(tab: TestTab): Promise<void> {
    const { name = '', store = tab.store } = this.#opened.get(tab) ?? {}
    store.isDead = true
    this.#channels.get(name)?.cut()
    this.#channels.delete(name)
    this.#locks.leave(name)
    await this.settle()
  }

  /** Another process takes the store, without asking for the lock. */
  async fence(): Promise<TestStore> {
    const store = new TestStore(this.#first)
    await store.claim('somebody else')
    return store
  }

  /** The page goes, or comes back, as pages do that are left without a word. */
  async show(tab: TestTab, isHere: boolean): Promise<void> {
    this.#opened.get(tab)?.tabs.onPresence?.(isHere)
    await this.settle()
  }

  /** Nobody who waits to be the owner can become it. */
  async failLocks(error: Error): Promise<void> {
    this.#locks.fail(error)
    await this.settle()
  }

  /** How many wait to be the owner. */
  get waiting(): number {
    return this.#locks.waiting
  }

  settle(ms = 0): Promise<void> {
    return this.time.advance(ms)
  }

  #deliver(from: string, message: TabMessage): void {
    this.posted.push(message)
    if (this.loses(message)) return
    const copy = structuredClone(message)
    for (const [name, channel] of this.#channels) if (name !== from) queueMicrotask(() => channel.receive(copy))
  }
}

/** As strict as a BroadcastChannel: nothing can be posted once it is closed. */
class TestChannel implements TabChannel {
  onMessage: ((message: TabMessage) => void) | undefined
  readonly #post: (message: TabMessage) => void
  #state: 'open' | 'closed' | 'cut' = 'open'

  constructor(post: (message: TabMessage) => void) {
    this.#post = post
  }

  post(message: TabMessage): void {
    if (this.#state === 'closed') throw new Error('The channel is closed.')
    if (this.#state === 'open') this.#post(message)
  }

  receive(message: TabMessage): void {
    if (this.#state === 'open') this.onMessage?.(message)
  }

  close(): void {
    this.#state = 'closed'
  }

  cut(): void {
    this.#state = 'cut'
  }
}

class TestLock {
  #holder: { readonly name: string } | undefined
  #waiting: { readonly name: string; readonly go: (release: Release) => void; readonly fail: (error: Error) => void }[] = []

  own(name: string, ifFree: boolean): Promise<Release> {
    if (this.#holder === undefined) return Promise.resolve(this.#give(name))
    return ifFree ? Promise.resolve(undefined) : new Promise((go, fail) => this.#waiting.push({ name, go, fail }))
  }

  /** How many wait for it. */
  get waiting(): number {
    return this.#waiting.length
  }

  fail(error: Error): void {
    for (const each of this.#waiting.splice(0)) each.fail(error)
  }

  giveUp(name: string): void {
    for (const each of this.#waiting) if (each.name === name) each.go(undefined)
    this.#waiting = this.#waiting.filter((each) => each.name !== name)
  }

  leave(name: string): void {
    this.#waiting = this.#waiting.filter((each) => each.name !== name)
    if (this.#holder?.name === name) this.#next()
  }

  #give(name: string): () => void {
    const holder = { name }
    this.#holder = holder
    return () => {
      if (this.#holder === holder) this.#next()
    }
  }

  #next(): void {
    this.#holder = undefined
    const next = this.#waiting.shift()
    next?.go(this.#give(next.name))
  }
}

/** An owner that is online, and a tab that works through it. */
export async function twoTabs(): Promise<{ browser: TestBrowser; owner: TestTab; follower: TestTab }> {
  const browser = new TestBrowser()
  const owner = await browser.open('a')
  await owner.welcome(-1, { counter: 0 })
  const follower = await browser.open('b')
  return { browser, owner, follower }
}

export const named = (identifier: string): Change => ({ ...change, identifier })

/** The tab's own draft on the tape. */
export const own = (tab: TestTab, seq: number, counter: number, identifier: string) => ({
  type: 'slice',
  ...plainSlice([[seq, seq]], () => ({ ...named(identifier), client: tab.stream.client, counter })),
})

export const pendingOf = ({ model }: TestTab) => model.pending.map(({ identifier }) => identifier)

/** The states that a publication has gone through, as they come. */
export function watch(publication: Publication): string[] {
  const states: string[] = [publication.state.type]
  publication.subscribe(({ type }) => states.push(type))
  return states
}
