/** What a stream is made of, from outside. */
import type { ObjectFilter } from '../protocol/index.ts'
import type { Environment } from './environment.ts'
import type { Transport } from './link/transport.ts'
import type { ClientStore } from './storage/store.ts'
import type { Tabs } from './tabs/tabs.ts'

export interface StreamOptions {
  readonly transport: Transport
  readonly store: ClientStore
  readonly environment: Environment
  /** Gives a fresh token; called for the first connection, before a token expires, and when one is refused. May reject. */
  readonly token: () => string | Promise<string>
  /** What of the tape is wanted; everything by default. See `Stream.want`. */
  readonly wanted?: readonly ObjectFilter[] | undefined
  /** Those who share the store: one of them owns socket and outbox, the others work through it. Alone without. */
  readonly tabs?: Tabs | undefined
}
