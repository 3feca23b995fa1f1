/**
 * The lock and the channel that the tabs of one browser have in common. The lock goes to the next in line a while after
 * its holder's death, or is taken from a holder that still lives, as a lease that ran out is. Messages are cloned, come
 * late, in order from each sender, and are missed by a listener now and then.
 */
import type { TabChannel, TabMessage, Tabs } from '../../src/client/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { VirtualTime } from '../support/virtual-time.ts'
import type { ChannelTemper } from './temper.ts'

interface TabsSurroundings {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly temper: ChannelTemper
  readonly count: (what: string) => void
}

type Release = () => void

/** What the tabs of one browser share. */
export class SimHub {
  readonly around: TabsSurroundings
  readonly members = new Set<SimTabs>()
  readonly #queue: { readonly tab: SimTabs; readonly grant: (release: Release | undefined) => void }[] = []
  #holder: SimTabs | undefined

  constructor(around: TabsSurroundings) {
    this.around = around
  }

  get holder(): SimTabs | undefined {
    return this.#holder
  }

  own(tab: SimTabs, ifFree: boolean): Promise<Release | undefined> {
    const isFree = this.#holder === undefined && this.#queue.length === 0
    if (ifFree && !isFree) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#queue.push({ tab, grant: resolve })
      if (isFree) this.#passOn(1)
    })
  }

  /** The holder is thought dead and is not. False when nobody waits for the lock. */
  steal(): boolean {
    if (this.#holder === undefined || this.#queue.length === 0) return false
    this.#holder = undefined
    this.#passOn(1)
    return true
  }

  /** The tab says, hears and waits for nothing more. */
  close(tab: SimTabs): void {
    this.#dequeue(tab)?.grant(undefined)
  }

  leave(tab: SimTabs): void {
    this.#dequeue(tab)
    if (this.#holder !== tab) return
    this.#holder = undefined
    this.#passOn(1000)
  }

  #dequeue(tab: SimTabs) {
    this.members.delete(tab)
    const index = this.#queue.findIndex((each) => each.tab === tab)
    return index < 0 ? undefined : this.#queue.splice(index, 1)[0]
  }

  #passOn(afterMsMax: number): void {
    const { time, random } = this.around
    time.set(() => {
      if (this.#holder !== undefined) return
      const next = this.#queue.shift()
      if (next === undefined) return
      const { tab } = next
      this.#holder = tab
      next.grant(() => {
        if (this.#holder !== tab) return
        this.#holder = undefined
        this.#passOn(50)
      })
    }, random.next() * afterMsMax)
  }
}

/** One tab's part in it. */
export class SimTabs implements Tabs, TabChannel {
  readonly #hub: SimHub
  /** When the last message to each listener arrives: none overtakes it. */
  readonly #freeAt = new Map<SimTabs, number>()
  readonly #onPost: (message: TabMessage) => void
  onMessage: ((message: TabMessage) => void) | undefined
  onPresence: ((isHere: boolean) => void) | undefined
  /** On their way to this tab. */
  underWay = 0

  constructor(hub: SimHub, onPost: (message: TabMessage) => void) {
    this.#hub = hub
    this.#onPost = onPost
    hub.members.add(this)
  }

  get channel(): TabChannel {
    return this
  }

  own(options?: { readonly ifFree: boolean }): Promise<Release | undefined> {
    return this.#hub.own(this, options?.ifFree === true)
  }

  post(message: TabMessage): void {
    if (!this.#hub.members.has(this)) return
    this.#onPost(message)
    if (this.#hub.members.size < 2) return
    const text = structuredClone(message)
    for (const listener of this.#hub.members) if (listener !== this) this.#send(listener, text)
  }

  close(): void {
    this.#hub.close(this)
  }

  kill(): void {
    this.#hub.leave(this)
  }

  #send(listener: SimTabs, message: TabMessage): void {
    const { time, random, temper, count } = this.#hub.around
    if (random.chance(temper.loss)) return count('message missed')
    const at = Math.max(this.#freeAt.get(listener) ?? 0, time.now + random.next() * temper.delayMsMax)
    this.#freeAt.set(listener, at)
    listener.underWay++
    time.set(() => {
      listener.underWay--
      if (this.#hub.members.has(listener)) listener.onMessage?.(message)
    }, at - time.now)
  }
}
