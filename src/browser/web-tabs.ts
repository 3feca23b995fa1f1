/** How tabs of a browser find each other: a Web Lock says who is the owner, a BroadcastChannel carries what they say. */
import type { TabChannel, TabMessage, Tabs } from '../client/index.ts'
import { Lease } from './lease.ts'

export class WebTabs implements Tabs {
  readonly channel: WebTabChannel
  readonly #name: string
  onPresence: ((isHere: boolean) => void) | undefined
  readonly #closing = new AbortController()

  /** Tabs that give the same name share a store. */
  constructor(name: string) {
    this.#name = name
    this.channel = new WebTabChannel(name)
    const { signal } = this.#closing
    addEventListener('pagehide', () => this.onPresence?.(false), { signal })
    addEventListener('pageshow', () => this.onPresence?.(true), { signal })
  }

  own({ ifFree = false }: { readonly ifFree?: boolean } = {}): Promise<(() => void) | undefined> {
    const { signal } = this.#closing
    // Pages without TLS, and old browsers, have no locks.
    if (globalThis.navigator?.locks === undefined) return new Lease(this.#name).own(ifFree, signal)
    return new Promise((resolve, reject) => {
      const hold = (lock: Lock | null): Promise<void> | undefined => {
        if (lock === null) return void resolve(undefined)
        return new Promise((release) => resolve(release))
      }
      const options = ifFree ? { ifAvailable: true } : { signal }
      navigator.locks.request(this.#name, options, hold).catch((error) => (signal.aborted ? resolve(undefined) : reject(error)))
    })
  }

  close(): void {
    this.#closing.abort()
    this.channel.close()
  }
}

class WebTabChannel implements TabChannel {
  readonly #channel: BroadcastChannel
  onMessage: ((message: TabMessage) => void) | undefined

  constructor(name: string) {
    this.#channel = new BroadcastChannel(name)
    // Only pages of our own origin speak here, and only this library under this name.
    this.#channel.onmessage = ({ data }: MessageEvent<TabMessage>) => this.onMessage?.(data)
  }

  post(message: TabMessage): void {
    this.#channel.postMessage(message)
  }

  close(): void {
    this.#channel.close()
  }
}
