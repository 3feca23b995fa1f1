/** The way in: a stream over the platform's network, storage, clock and randomness. Works in Node, too. */
import { type ClientStore, type Environment, MemoryStore, Stream, type Tabs } from '../client/index.ts'
import { checkedFilters, type FilterLike } from '../protocol/index.ts'
import { IndexedDbStore } from './indexed-db-store.ts'
import { WebTabs } from './web-tabs.ts'
import { WebTransport } from './web-transport.ts'

export interface OpenStreamOptions {
  /** Gives a fresh token; called for the first connection, before a token expires, and when one is refused. May reject. */
  readonly token: () => string | Promise<string>
  /**
   * Whose outbox and tape these are, among those who use this browser: each name has a client and storage of its own. Give
   * the user's id where several people may sign in. All tabs with the same name share them, and one connection.
   */
  readonly device?: string
  /**
   * Where the outbox and the tape are kept, instead of IndexedDB: then nothing is shared with other tabs. Where there is
   * no IndexedDB, as in Node, they are kept in memory by default.
   */
  readonly store?: ClientStore
  /** What of the tape is wanted, the most urgent first; everything by default. See `Stream.want`. */
  readonly wanted?: readonly FilterLike[]
  /** Told of what is nobody's input: a model that throws, a store that cannot write. Logs by default. */
  readonly report?: (error: unknown) => void
}

/**
 * Opens a stream and keeps it open until `close()`.
 * @param address the stream's: `https://host/v1/streams/todo.groceries`; in a page it may be relative.
 * @throws TypeError when the address cannot be read, or is not one of http or https.
 * @throws Refusal when `wanted` is no list of filters.
 */
export function openStream(address: string | URL, options: OpenStreamOptions): Stream {
  const url = new URL(address, globalThis.location?.href)
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(`A stream has an address of http or https, not ${url.protocol}`)
  url.pathname = url.pathname.replace(/\/+$/, '')
  const { token, report = console.error } = options
  const wanted = options.wanted === undefined ? undefined : checkedFilters(options.wanted)
  const environment = createEnvironment(report)
  const stream = new Stream({ transport: new WebTransport(url), environment, token, wanted, ...storageOf(url, options) })
  nudgeWhenThingsLookUp(stream)
  return stream
}

/** Tabs share what they find in the same place. Where they could not tell each other, each keeps its own. */
function storageOf({ href }: URL, { device = '', store }: OpenStreamOptions): { store: ClientStore; tabs?: Tabs } {
  if (store !== undefined) return { store }
  if (!hasStorage()) return { store: new MemoryStore() }
  const name = `tapeline ${href} ${device}`
  return { store: new IndexedDbStore(name), tabs: new WebTabs(name) }
}

function hasStorage(): boolean {
  try {
    return globalThis.indexedDB !== undefined && globalThis.BroadcastChannel !== undefined
  } catch {
    // Where storage is blocked, some browsers throw at the very name.
    return false
  }
}

function createEnvironment(report: (error: unknown) => void): Environment {
  return {
    now: Date.now,
    setTimer: (run, afterMs) => setTimeout(run, Math.min(afterMs, 2 ** 31 - 1)),
    clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout> | undefined),
    random: Math.random,
    newId,
    report,
  }
}

/** 128 random bits. (`randomUUID` is not there in pages without TLS, as on a developer's phone.) */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** What a browser says of network and visibility only shortens a wait; it never decides anything. */
function nudgeWhenThingsLookUp(stream: Stream): void {
  if (globalThis.document === undefined) return
  const stopped = new AbortController()
  const nudge = () => {
    if (document.visibilityState === 'visible') stream.nudge()
  }
  stream.subscribe(({ connection }) => {
    if (connection === 'stopped') stopped.abort()
  })
  addEventListener('online', nudge, { signal: stopped.signal })
  document.addEventListener('visibilitychange', nudge, { signal: stopped.signal })
}
