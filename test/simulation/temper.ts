/** What kind of history a seed makes: not every history has every trouble, so that each is met alone and with others. */
import type { SeededRandom } from '../support/seeded-random.ts'

export interface NetworkTemper {
  /** Chance that a live slice is lost on its way. */
  loss: number
  /** Chance that a request fails, before or after the server has answered it. */
  failure: number
  delayMsMax: number
}

export interface DiskTemper {
  /** Until a save is on the disk, and again until the process knows. */
  delayMsMax: number
  /** Chance that one operation fails, and the next may not. */
  failure: number
}

export interface ChannelTemper {
  delayMsMax: number
  /** Chance that one listener misses a message. */
  loss: number
}

export interface Temper {
  readonly network: NetworkTemper
  readonly disk: DiskTemper
  readonly channel: ChannelTemper
  /** How often each action happens, compared with the others. */
  readonly weights: Readonly<Record<Action, number>>
  /** Chance that a browser shares its stream among tabs. */
  readonly tabs: number
  /** Chance that an edit is one that a strict server refuses. */
  readonly bad: number
}

export type Action = (typeof actions)[number]

export const actions = [
  'edit',
  'burst',
  'spree',
  'cut',
  'sleep',
  'kill',
  'restart',
  'nudge',
  'pause',
  'resume',
  'trouble',
  'open tab',
  'close tab',
  'kill tab',
  'steal',
  'copy',
  'retry',
  'discard',
  'mood',
] as const

export function drawTemper(random: SeededRandom): Temper {
  const hasTabs = random.chance(0.5)
  const isRefusing = random.chance(0.4)
  const isCopying = random.chance(0.25)
  const isTroubled = random.chance(0.4)
  const isDiskSlow = random.chance(0.7)
  return {
    network: { loss: random.pick([0, 0.05, 0.2]), failure: random.pick([0, 0.2]), delayMsMax: random.pick([5, 50, 400]) },
    disk: { delayMsMax: isDiskSlow ? random.pick([5, 50, 300]) : 0, failure: isTroubled ? random.pick([0, 0.05, 0.2]) : 0 },
    channel: { delayMsMax: random.pick([2, 20, 100]), loss: random.pick([0, 0, 0.02, 0.1]) },
    weights: {
      edit: random.pick([40, 70]),
      burst: 3,
      spree: random.pick([0, 2]),
      cut: random.pick([2, 10]),
      sleep: 5,
      kill: 3,
      restart: random.pick([1, 5]),
      nudge: 3,
      pause: random.pick([0, 2]),
      resume: 3,
      trouble: isTroubled ? 2 : 0,
      'open tab': hasTabs ? 5 : 0,
      'close tab': hasTabs ? 1 : 0,
      'kill tab': hasTabs ? random.pick([1, 5]) : 0,
      steal: hasTabs ? random.pick([0, 0, 2, 10]) : 0,
      copy: isCopying ? 1 : 0,
      retry: isRefusing ? 2 : 0,
      discard: isRefusing ? 1 : 0,
      mood: isRefusing ? 3 : 0,
    },
    tabs: hasTabs ? random.pick([0.5, 1]) : 0,
    bad: isRefusing ? random.pick([0.05, 0.2]) : 0,
  }
}

/** One action, by its weight. */
export function drawAction({ weights }: Temper, random: SeededRandom): Action {
  let dice = random.next() * actions.reduce((sum, action) => sum + weights[action], 0)
  for (const action of actions) {
    dice -= weights[action]
    if (dice < 0) return action
  }
  return 'edit'
}
