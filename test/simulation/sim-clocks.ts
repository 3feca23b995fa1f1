/**
 * The wall clocks of a simulation: each is years away from the truth and jumps now and then, and nobody may mind. What
 * they are set to comes from randomness of their own, so that a history with right clocks is the same history.
 */
import type { SeededRandom } from '../support/seeded-random.ts'
import type { VirtualTime } from '../support/virtual-time.ts'

const tenYearsMs = 10 * 365.25 * 86_400_000

export interface ClockSurroundings {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly areRight: boolean
}

export class SimClocks {
  readonly #around: ClockSurroundings
  readonly #clocks: SimClock[] = []
  /** When it was, truly, that a clock showed this. */
  readonly #readings = new Map<number, number>()

  constructor(around: ClockSurroundings) {
    this.#around = around
  }

  create(): SimClock {
    const clock = new SimClock(this.#around, this.#readings)
    this.#clocks.push(clock)
    return clock
  }

  /** Somebody sets a clock, or its battery is empty. */
  disturb(): void {
    const { random } = this.#around
    if (random.chance(0.05)) random.pick(this.#clocks).jump()
  }

  trueTimeOf(reading: number): number {
    return this.#readings.get(reading) ?? Number.NaN
  }
}

export class SimClock {
  readonly #around: ClockSurroundings
  readonly #readings: Map<number, number>
  #aheadMs = 0

  constructor(around: ClockSurroundings, readings: Map<number, number>) {
    this.#around = around
    this.#readings = readings
    this.jump()
  }

  readonly now = (): number => {
    const { now } = this.#around.time
    const reading = now + this.#aheadMs
    this.#readings.set(reading, now)
    return reading
  }

  jump(): void {
    const aheadMs = (this.#around.random.next() * 2 - 1) * tenYearsMs
    this.#aheadMs = this.#around.areRight ? 0 : aheadMs
  }
}
