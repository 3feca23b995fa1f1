/** The owner's end of the channel between tabs: tells what was saved, takes drafts and orders. */
import type { Environment } from '../environment.ts'
import type { Owner } from '../owner.ts'
import type { Whisper } from '../side.ts'
import type { TabChannel, TabMessage, TabNews, TabOrder } from './tabs.ts'

export class TabHost {
  readonly #owner: Owner
  readonly #channel: TabChannel
  /** Of this ownership, so that the messages of an earlier owner are known as such. */
  readonly #id: string
  #revision = 0
  #isReportDue = false
  #isClosed = false

  constructor(owner: Owner, channel: TabChannel, environment: Environment) {
    this.#owner = owner
    this.#channel = channel
    this.#id = environment.newId()
    channel.onMessage = (message) => this.#receive(message)
    this.announce()
  }

  tell(news: TabNews): void {
    // Whoever missed that there is nothing to be shared must not take these for what the store holds.
    if (!this.#owner.isShared) return this.announce()
    this.#channel.post({ type: 'news', owner: this.#id, revision: ++this.#revision, news })
  }

  hear(whisper: Whisper): void {
    this.#channel.post({ type: 'heard', whisper })
  }

  /** Tells what the status says, once for all that changes in a turn. */
  async report(): Promise<void> {
    if (this.#isReportDue) return
    this.#isReportDue = true
    await null
    this.#isReportDue = false
    if (this.#isClosed) return
    if (!this.#owner.isShared) return this.announce()
    const { report, client, tape } = this.#owner
    this.#channel.post({ type: 'report', owner: this.#id, revision: this.#revision, report, client, latestSeq: tape.latestSeq })
  }

  /** Says who the owner is, or that there is nothing to be shared. */
  announce(): void {
    if (!this.#owner.isShared) return this.#channel.post({ type: 'alone' })
    this.#channel.post({ type: 'owner', owner: this.#id, revision: this.#revision })
    void this.report()
  }

  /** Says and hears nothing more. */
  close(): void {
    this.#isClosed = true
    this.#channel.onMessage = undefined
  }

  #receive(message: TabMessage): void {
    switch (message.type) {
      case 'hello':
        return this.announce()
      case 'drafts': {
        // Whoever goes alone takes its drafts along.
        if (!this.#owner.isShared) return this.announce()
        const { tab, first, drafts } = message
        const taken = this.#owner.takeDrafts(tab, first, drafts)
        // Some before them got lost: the tab is told where to go on.
        if (taken < first + drafts.length - 1) this.#channel.post({ type: 'taken', tab, drafts: taken })
        return
      }
      case 'order':
        return this.#obey(message.order)
    }
  }

  #obey(order: TabOrder): void {
    switch (order.type) {
      case 'discard':
        return this.#owner.discard(order.place)
      case 'whisper':
        return this.#owner.whisper(order.data)
      case 'want':
        return this.#owner.want(order.filters, order.tab)
      case 'nudge':
        return this.#owner.nudge()
      case 'pause':
        return this.#owner.pause()
      case 'resume':
        return this.#owner.resume()
    }
  }
}
