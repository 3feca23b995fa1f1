/** The way in: a stream over the platform's network, clock and randomness. Works in Node, too. */
import { type ClientStore, type Environment, MemoryStore, Stream } from '../client/index.ts'
import { WebTransport } from './web-transport.ts'

export interface OpenStreamOptions {
  /** Gives a fresh token; called for the first connection, before a token expires, and when one is refused. May reject. */
  readonly token: () => string | Promise<string>
  /** Where the outbox and the tape are kept; in memory by default. */
  readonly store?: ClientStore
  /** Told of what is nobody's input: a model that throws, a store that cannot write. Logs by default. */
  readonly report?: (error: unknown) => void
}

/**
 * Opens a stream and keeps it open until `close()`.
 * @param address the stream's: `https://host/v1/streams/todo.groceries`; in a page it may be relative.
 * @throws TypeError when the address cannot be read.
 */
export function openStream(address: string | URL, { token, store = new MemoryStore(), report = console.error }: OpenStreamOptions): Stream {
  const base = globalThis.location === undefined ? undefined : location.href
  const stream = new Stream({ transport: new WebTransport(new URL(address, base)), store, environment: createEnvironment(report), token })
  nudgeWhenThingsLookUp(stream)
  return stream
}

function createEnvironment(report: (error: unknown) => void): Environment {
  return {
    now: Date.now,
    setTimer: (run, afterMs) => setTimeout(run, Math.min(afterMs, 2 ** 31 - 1)),
    clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout> | undefined),
    random: Math.random,
    newId: () => crypto.randomUUID(),
    report,
  }
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
