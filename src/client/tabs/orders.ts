/**
 * What a tab asks of the owner. An owner that is gone has not heard it, and that is no harm, but for two things that the
 * next one is to go by, too: what this tab wants of the tape, and whether to work offline. Those it owns.
 */
import type { ObjectFilter } from '../../protocol/index.ts'
import type { TabChannel, TabOrder } from './tabs.ts'
import type { Untaken } from './untaken.ts'

export class Orders {
  readonly #untaken: Untaken
  readonly #channel: TabChannel
  #wanted: readonly ObjectFilter[]
  /** What was said of working offline, until an owner has said how things stand since. */
  #unheard: 'pause' | 'resume' | undefined
  #isStopped = false

  constructor(untaken: Untaken, channel: TabChannel, wanted: readonly ObjectFilter[]) {
    this.#untaken = untaken
    this.#channel = channel
    this.#wanted = wanted
  }

  give(order: TabOrder): void {
    if (!this.#isStopped) this.#channel.post({ type: 'order', order })
  }

  want(filters: readonly ObjectFilter[]): void {
    this.#wanted = filters
    this.#sayWanted(filters)
  }

  /** Wants nothing while its tab is not there. */
  present(isHere: boolean): void {
    this.#sayWanted(isHere ? this.#wanted : undefined)
  }

  switch(type: 'pause' | 'resume'): void {
    this.#unheard = type
    this.give({ type })
  }

  /** An owner has said how things stand since. */
  heard(): void {
    this.#unheard = undefined
  }

  /** Whoever owns the tape now has heard nothing. */
  repeat(): void {
    this.#sayWanted(this.#wanted)
    if (this.#unheard !== undefined) this.give({ type: this.#unheard })
  }

  stop(): void {
    this.#isStopped = true
  }

  #sayWanted(filters: readonly ObjectFilter[] | undefined): void {
    this.give({ type: 'want', tab: this.#untaken.tab, filters })
  }
}
