/**
 * What comes in between any two steps of the alarm's work, and alarms that ring twice, late, or by clocks that jump: in the
 * end the stream is what was asked for, and nothing is left over.
 */
import { describe, expect, test } from 'vitest'
import { type Action, declare, erase, prepare, publishing, redacting, type Script, sealed, settle, wake } from '../support/kill-script.ts'
import { MemoryBlobs } from '../support/memory-blobs.ts'
import { MortalObject, type Place } from '../support/mortal-object.ts'
import { ObjectDisk } from '../support/object-disk.ts'
import { checkGone, checkRedacted, ofEvents, ofObject, outcomeOf } from '../support/upkept-stream.ts'

const hourMs = 3_600_000
const places = [
  ['a bucket', true],
  ['rows alone', false],
] as const

function freshPlace(hasBucket: boolean): Place {
  return { disk: new ObjectDisk(), bucket: hasBucket ? new MemoryBlobs() : undefined, now: 1_000_000 }
}

/** Once for each step of a work, right after which something else is asked for. */
async function interruptEverywhere(
  before: readonly Action[],
  { work = settle, request }: { work?: Action; request: Action },
  { hasBucket, check }: { hasBucket: boolean; check: (place: Place, at: string) => Promise<void> | void },
): Promise<void> {
  let at = 1
  let isOver = false
  const interrupted: Action = {
    run: async (object, place) => {
      let [step, asked]: [number, Promise<unknown> | undefined] = [0, undefined]
      object.between = () => {
        if (++step === at) asked = Promise.try(() => request.run(object, place))
      }
      const outcomes = await Promise.allSettled([work.run(object, place)])
      object.between = () => {}
      isOver = asked === undefined
      await asked
      // What asks the same as was under way is refused where the stream has been deleted, and nothing else is.
      for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'stream-deleted' })
      await object.settle()
    },
  }
  const play = await prepare({ before, actions: [interrupted] } satisfies Script, hasBucket)
  for (; !isOver; at++) {
    const { place } = await play()
    if (!isOver) await check(place, `at ${at}`)
  }
  expect(at).toBeGreaterThan(8)
}

describe.each(places)('between any two steps, with %s,', (_, hasBucket) => {
  const unsealed = [...publishing(0, 25), declare]

  test('[H11] the stream is deleted', async () => {
    await interruptEverywhere(unsealed, { request: erase }, { hasBucket, check: checkGone })
    await interruptEverywhere(sealed, { work: redacting(ofObject), request: erase }, { hasBucket, check: checkGone })
  })

  test('[R1][R2] something is redacted', async () => {
    const before = await outcomeOf((await (await prepare({ before: unsealed, actions: [] }, hasBucket))()).place)
    for (const redaction of hasBucket ? [ofEvents] : [ofObject]) {
      const check = (place: Place, at: string) => checkRedacted(place, at, { before, redaction })
      await interruptEverywhere(unsealed, { request: redacting(redaction) }, { hasBucket, check })
    }
  })

  test('[V2][G4] more is asked of the alarm, which does not wait for the end of the stream', async () => {
    const expires: Action = { run: ({ core }) => core.configure({ expires: { idleSeconds: 100 * 24 * 3600 } }) }
    const expected = await outcomeOf((await (await prepare({ before: unsealed, actions: [] }, hasBucket))()).place)
    const check = async (place: Place, at: string) => {
      expect(await outcomeOf(place), at).toEqual({ ...expected, wrong: [] })
      expect(place.disk.alarm, at).toBe(place.now + 100 * 24 * hourMs)
    }
    await interruptEverywhere([...publishing(0, 25), expires], { request: declare }, { hasBucket, check })
  })
})

describe('the alarm', () => {
  test.each(places)('[T5][T7][G4] rings twice at once, and again when all is done, with %s', async (_, hasBucket) => {
    const twice: Action = { run: (object) => object.settle(() => Promise.all([object.upkeep.run(), object.upkeep.run()])) }
    const before = [...publishing(0, 45), declare]
    const expected = await outcomeOf((await (await prepare({ before, actions: [settle] }, hasBucket))()).place)
    const { place } = await (await prepare({ before, actions: [twice] }, hasBucket))()
    expect(await outcomeOf(place)).toEqual({ ...expected, wrong: [] })
    const kept = [place.disk.text, [...(place.bucket?.blobs.keys() ?? [])]]
    const object = new MortalObject(place)
    await object.do(() => Promise.all([object.upkeep.run(), object.upkeep.run()]))
    expect([place.disk.text, [...(place.bucket?.blobs.keys() ?? [])]]).toEqual(kept)
  })

  test.each(places)('[T5][T7] rings late: whatever has come by then is sealed, in several alarms, with %s', async (_, hasBucket) => {
    const { place } = await (await prepare({ before: [...publishing(0, 1500), declare], actions: [settle] }, hasBucket))()
    const { wrong } = await outcomeOf(place)
    expect(wrong).toEqual([])
    const segments = [...new MortalObject(place).core.sealed.segmentsFrom(0)]
    expect(segments.at(-1)?.last).toBeGreaterThan(1470)
    expect(segments.length).toBeGreaterThan(128)
  })

  test('[T5][R1] rings for a bucket that cannot be reached, and again until it can', async () => {
    const before = await outcomeOf((await (await prepare({ before: sealed, actions: [] }, true))()).place)
    const place = freshPlace(true)
    const bucket = place.bucket as MemoryBlobs
    const object = new MortalObject(place)
    for (const { run } of [...publishing(0, 45), declare]) await object.do(() => run(object, place))
    bucket.failing = new Error('It is down.')
    const since = place.now
    for (let rings = 0; rings < 12; rings++) {
      place.now = place.disk.alarm ?? 0
      place.disk.ring()
      await object.do(() => object.upkeep.run())
      place.disk.answered()
    }
    // It waits for longer and longer, at most five minutes.
    expect(place.now - since).toBe(5000 * 63 + 5 * 300_000)
    // Of rows it is done, but what may be left of them in the bucket is not gone yet.
    await expect(object.do(() => object.redact(ofEvents))).rejects.toThrow('It is down.')
    bucket.failing = undefined
    expect(await object.do(() => object.redact(ofEvents))).toBe(0)
    await object.do(() => object.settle())
    await checkRedacted(place, 'in the end', { before, redaction: ofEvents })
  })
})

describe('the clock of the platform', () => {
  test('[V2] may be put back or forward: a stream ends when that clock says so, and not before', async () => {
    const place = freshPlace(true)
    const object = new MortalObject(place)
    const ring = () => object.do(() => object.settle())
    for (const { run } of [...publishing(0, 25), declare]) await object.do(() => run(object, place))
    await object.do(({ core }) => core.configure({ expires: { idleSeconds: 3600 } }))
    await ring()
    const end = place.now + hourMs
    expect(place.disk.alarm).toBe(end)
    place.now -= 24 * hourMs
    await object.do(() => object.upkeep.run())
    expect(object.core.state).toMatchObject({ latestSeq: 24 })
    expect(place.disk.alarm).toBe(end)
    // What is published now was, by this clock, a day before what came before it.
    await object.do(() => publishing(25, 30)[0]?.run(object, place))
    place.now += 10 * 365 * 24 * hourMs
    await ring()
    checkGone(place, 'ten years later')
  })

  test('[V2][T5] decides nothing else: what is sealed and read is the same, however it jumps', async () => {
    const jump = (ms: number): Action => ({
      run: (_, place) => {
        place.now += ms
      },
    })
    const script = (...ms: readonly [number, number]): Script => ({
      before: [...publishing(0, 25), declare, jump(ms[0]), ...publishing(25, 35), wake, settle, jump(ms[1]), ...publishing(35, 45)],
      actions: [wake, settle],
    })
    const outcome = async (...ms: readonly [number, number]) => outcomeOf((await (await prepare(script(...ms), true))()).place)
    const expected = await outcome(0, 0)
    expect(expected.wrong).toEqual([])
    for (const jumps of [
      [-24 * hourMs, 24 * hourMs],
      [87_600 * hourMs, -24 * hourMs],
    ] as const) {
      expect(await outcome(...jumps)).toEqual(expected)
    }
  })
})
