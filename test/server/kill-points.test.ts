/**
 * Whatever a stream does in the background, and what an administrator asks for, is killed at every step: what can be read
 * is in the end what it would have been without, and nothing is left over, in rows or in the bucket.
 */
import { describe, expect, test } from 'vitest'
import {
  type Action,
  declare,
  erase,
  prepare,
  publishing,
  redacting,
  type Script,
  sealed,
  settle,
  settleOnce,
  wake,
} from '../support/kill-script.ts'
import { MortalObject, type Place } from '../support/mortal-object.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { checkGone, checkRedacted, type Outcome, ofEvents, ofObject, outcomeOf } from '../support/upkept-stream.ts'

type Check = (place: Place, at: string) => Promise<void> | void

/** Once for each step that it makes, and then for some pairs of them. */
async function killEverywhere(script: Script, hasBucket: boolean, check: Check): Promise<void> {
  const killedAt = await prepare(script, hasBucket)
  const { steps, place } = await killedAt()
  await check(place, 'never')
  for (let step = 1; step <= steps; step++) await check((await killedAt(step)).place, `at ${step}`)
  const random = new SeededRandom(steps)
  for (let pair = 0; pair < pairs; pair++) {
    const kills = [1 + random.below(steps), 1 + random.below(30)]
    await check((await killedAt(...kills)).place, `at ${kills}`)
  }
}

const pairs = 8

async function isAsEver(script: Script, hasBucket: boolean): Promise<Check> {
  const killedAt = await prepare(script, hasBucket)
  const expected = await outcomeOf((await killedAt()).place)
  return async (place, at) => expect(await outcomeOf(place), at).toEqual({ ...expected, wrong: [] })
}

describe.each([
  ['a bucket', true],
  ['rows alone', false],
])('killed at every step, with %s', (_, hasBucket) => {
  test('[T5][T7][G4] a tape is sealed, snapshotted and indexed', async () => {
    const script: Script = { before: publishing(0, 45), actions: [declare, settle] }
    await killEverywhere(script, hasBucket, await isAsEver(script, hasBucket))
  })

  test('[T5][T7][P2] it goes on when more has come meanwhile, and removes what a newer snapshot leaves', async () => {
    const script: Script = {
      before: [...publishing(0, 25), declare, settle, ...publishing(25, 35), wake],
      actions: [settleOnce, ...publishing(35, 45), wake, settleOnce, ...publishing(45, 55), wake, settle],
    }
    await killEverywhere(script, hasBucket, await isAsEver(script, hasBucket))
  })
})

describe.each([
  ['events, with a bucket', ofEvents, true],
  ['an object, in rows alone', ofObject, false],
])('a redaction of %s, killed at every step', (_, redaction, hasBucket) => {
  const asEver = async (script: Script): Promise<Outcome> => {
    const killedAt = await prepare({ ...script, actions: [] }, hasBucket)
    return outcomeOf((await killedAt()).place)
  }
  const isRedacted = async (script: Script): Promise<Check> => {
    const before = await asEver(script)
    return (place, at) => checkRedacted(place, at, { before, redaction })
  }

  test('[R1][R2][R3] and asked for again leaves nothing of it', async () => {
    const script = { before: sealed, actions: [redacting(redaction), settle] }
    await killEverywhere(script, hasBucket, await isRedacted(script))
  })

  test('[R1][R2][T5] nor where sealing was killed before', async () => {
    const script = { before: [...publishing(0, 35), declare], actions: [settleOnce, redacting(redaction), settle] }
    await killEverywhere(script, hasBucket, await isRedacted(script))
  })

  test('[R3] and not asked for again has either been or not', async () => {
    const script: Script = { before: sealed, actions: [{ ...redacting(redaction), isOnce: true }, settle] }
    const before = await asEver(script)
    const isRedactedNow = await isRedacted(script)
    await killEverywhere(script, hasBucket, async (place, at) => {
      if (new MortalObject(place).core.sealed.redactions().length > 0) return isRedactedNow(place, at)
      expect(await outcomeOf(place), at).toEqual({ ...before, wrong: [] })
    })
  })
})

describe.each([
  ['a bucket', true],
  ['rows alone', false],
])('the end of a stream, killed at every step, with %s', (_, hasBucket) => {
  test('[H11] by a request', async () => {
    await killEverywhere({ before: sealed, actions: [erase, settle] }, hasBucket, checkGone)
    await killEverywhere({ before: [...publishing(0, 25), declare], actions: [settleOnce, erase, settle] }, hasBucket, checkGone)
    const redaction: Action = { ...redacting(ofObject), isOnce: true }
    await killEverywhere({ before: sealed, actions: [redaction, erase, settle] }, hasBucket, checkGone)
  })

  test('[V2] by itself', async () => {
    const expires: Action = { run: ({ core }) => core.configure({ expires: { idleSeconds: 3600 } }) }
    const later: Action = {
      run: (_, place) => {
        place.now += 3_600_000
      },
    }
    await killEverywhere({ before: [...sealed, expires, settle, later], actions: [settle] }, hasBucket, checkGone)
  })
})
