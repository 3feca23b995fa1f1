/** Hands the drafts of this tab over to whoever is the owner, again and again until they are taken. */
import type { Environment } from '../environment.ts'
import type { TabChannel } from './tabs.ts'
import type { Untaken, UntakenDraft } from './untaken.ts'

/** An owner takes a draft within milliseconds, unless its store is slow. */
const askAfterMs = 2000

export class HandOver {
  readonly #untaken: Untaken
  readonly #channel: TabChannel
  readonly #environment: Environment
  #isAsking = false
  #isStopped = false
  /** Those who wait until every draft of this tab is taken. */
  #waiting: (() => void)[] = []

  constructor(untaken: Untaken, channel: TabChannel, environment: Environment) {
    this.#untaken = untaken
    this.#channel = channel
    this.#environment = environment
  }

  /** Whoever waits does so in vain from now on. */
  stop(): void {
    this.#isStopped = true
    this.#letGo()
  }

  /** Offers these, by default all that are not taken. */
  offer(drafts: readonly UntakenDraft[] = this.#untaken.drafts): void {
    const first = drafts[0]
    if (first === undefined || this.#isStopped) return
    this.#askLater()
    this.#channel.post({ type: 'drafts', tab: this.#untaken.tab, first: first.number, drafts: drafts.map(({ draft }) => draft) })
  }

  /** Resolves when an owner has taken every draft of this tab, and saved it, or none will. */
  done(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.check()
    })
  }

  /** Some may have been taken. */
  check(): void {
    if (this.#untaken.drafts.length === 0) this.#letGo()
  }

  #letGo(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** What is not taken for a while was lost on its way, or the news of it were: the owner says how far it is. */
  #askLater(): void {
    if (this.#isAsking) return
    this.#isAsking = true
    this.#environment.setTimer(() => {
      this.#isAsking = false
      if (this.#isStopped || this.#untaken.drafts.length === 0) return
      this.#channel.post({ type: 'hello' })
      this.#askLater()
    }, askAfterMs)
  }
}
