import type { SeededRandom } from '../support/seeded-random.ts'
import type { Sealing } from './sim-server.ts'

/** Small segments, close to the end of the tape, in half of the histories. Rules are to find what they look back to. */
export function drawSealing(random: SeededRandom, keptMin: number): Sealing | undefined {
  if (random.chance(0.5)) return undefined
  const bounds = {
    eventsMax: random.pick([3, 10, 30]),
    bytesMax: 2000,
    keptEvents: Math.max(keptMin, random.pick([1, 10, 40])),
    keptBytes: 1_000_000,
  }
  const chunks = {
    sinceMin: random.pick([1, 500]),
    atOnceMax: random.pick([500, 5000]),
    chunkMax: random.pick([150, 500]),
    chunkMin: random.pick([0, 100]),
    listMax: 1e6,
  }
  return { random, bounds, chunks, delayMsMax: random.pick([5, 50, 400]), failure: random.pick([0, 0, 0.1, 0.3]) }
}
