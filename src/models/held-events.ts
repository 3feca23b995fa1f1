/**
 * The events that wait for the application, from one on that its model cannot read. What this client itself has made goes
 * on to show: it has shown already, as pending, and in which order events are applied does not matter.
 */
import { partsOf, type TapeEvent } from '../protocol/index.ts'

export class HeldEvents {
  readonly #isUnknown: (event: TapeEvent) => boolean
  #held: TapeEvent[] | undefined

  /** `isUnknown` is asked about plain events. */
  constructor(isUnknown: (event: TapeEvent) => boolean) {
    this.#isUnknown = isUnknown
  }

  get isHolding(): boolean {
    return this.#held !== undefined
  }

  /** Keeps back what has to wait, and gives what may be applied. */
  pass(events: readonly TapeEvent[], client: string): readonly TapeEvent[] {
    let start = 0
    if (this.#held === undefined) {
      start = events.findIndex((event) => partsOf(event).some(this.#isUnknown))
      if (start < 0) return events
      this.#held = []
    }
    const late = events.slice(start)
    for (const event of late) this.#held.push(event)
    const own = client === '' ? [] : late.flatMap(partsOf).filter((event) => event.client === client)
    return [...events.slice(0, start), ...own]
  }

  /** Gives what was held back, and holds nothing more until the next that is unknown. */
  release(): readonly TapeEvent[] {
    const held = this.#held ?? []
    this.#held = undefined
    return held
  }
}
