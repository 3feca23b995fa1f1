/**
 * What a history has beyond drafts and bad luck: versions, preconditions, the server's own rules, decisions about
 * conflicts, undo. All of it is drawn from a generator of its own, so that a seed without it makes the same history as
 * before any of it was thought of.
 */
import type { Change, Json } from '../../src/protocol/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'

export interface Extras {
  readonly random: SeededRandom
  /** Whether models look for conflicts. Without it there is none of the others. */
  readonly isWatching: boolean
  /** Chances that an edit is of another version of the model, or made under a precondition. */
  readonly version: number
  readonly expect: number
  /** Chance that an edit writes what the server's rules look at. */
  readonly ruled: number
  /** Chance that a rule throws. */
  readonly ruleFailure: number
  /** How long the server's turns last: publishes that come meanwhile are decided together. */
  readonly turnMs: number
  /** Chances, at each step, that somebody decides a conflict, or undoes or redoes something. */
  readonly decide: number
  readonly undo: number
}

/** `isPlain` where that is not left to chance: most histories are, as the others take half as long again. */
export function drawExtras(random: SeededRandom, isPlain = random.chance(0.7)): Extras {
  return isPlain ? noExtras(random) : someExtras(random)
}

function someExtras(random: SeededRandom): Extras {
  const rules = random.pick([0, 0, 0, 0.1, 0.2])
  return {
    random,
    isWatching: true,
    version: random.pick([0, 0, 0.1, 0.4]),
    expect: random.pick([0, 0, 0.05, 0.2]),
    ruled: rules,
    ruleFailure: rules === 0 ? 0 : random.pick([0, 0.02]),
    turnMs: random.pick([0, 0, 10, 50]),
    decide: random.pick([0, 0, 0.05, 0.15]),
    undo: random.pick([0, 0, 0.05, 0.15]),
  }
}

function noExtras(random: SeededRandom): Extras {
  return { random, isWatching: false, version: 0, expect: 0, ruled: 0, ruleFailure: 0, turnMs: 0, decide: 0, undo: 0 }
}

/** An edit with what this history adds to edits. What it expects stands in its values, too: the tape does not say it. */
export function withExtras(change: Change, { random, isWatching, version, expect, ruled }: Extras): Change {
  if (!isWatching) return change
  const more: Record<string, Json> = {}
  if (random.chance(ruled)) more.weight = random.below(12)
  if (change.type === 'insert' && random.chance(ruled)) more.name = random.pick(['n1', 'n2', 'n3', 'n4', 'n5', 'n6'])
  const isNewer = random.chance(version)
  const unchanged = random.chance(expect) ? random.pick([true, true, ['x'], ['x', 'y']] as const) : undefined
  if (unchanged !== undefined) more.expects = unchanged
  return {
    ...change,
    ...(change.values === undefined ? {} : { values: { ...change.values, ...more } }),
    ...(isNewer ? { version: 2 } : {}),
    ...(unchanged === undefined ? {} : { expect: { unchanged } }),
  }
}
