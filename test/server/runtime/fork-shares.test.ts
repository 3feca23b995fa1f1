/** What the real objects of forks share in the bucket, for how long, and what a redaction is to them. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { call } from '../../support/live.ts'
import { fill, keysOf, lentBy, linesOf, put, redact, remove, rest, stateOf } from './forking.ts'
import { letBefall } from './mishaps.ts'
import { stubOf, untilSealed, untilSnapshot } from './objects.ts'

afterEach(() => letBefall())

describe('what forks share in the bucket', () => {
  test('[V6] is not copied, and goes with the last that has it', async () => {
    const [parent, child, grandchild] = ['bucketed-family', 'bucketed-family-child', 'bucketed-family-grandchild']
    await fill(parent, 24)
    await untilSealed(parent, 8000)
    await untilSnapshot(parent)
    const lines = await linesOf(parent)
    const keys = await keysOf(parent)
    await put(child, { forkOf: parent })
    await put(grandchild, { forkOf: child, through: 5200 })
    await rest(child)
    expect(await keysOf(child)).toEqual([])
    expect(new Set((await lentBy(parent)).map(({ fork }) => fork))).toEqual(new Set([child, grandchild]))
    expect(await lentBy(child)).toEqual([{ name: '', fork: grandchild }])

    expect((await remove(parent)).status).toBe(204)
    await rest(parent)
    expect(await keysOf(parent)).toEqual(keys)
    for (const stream of [child, grandchild]) await evictDurableObject(stubOf(stream))
    expect(await linesOf(child)).toEqual(lines)
    expect((await remove(child)).status).toBe(204)
    await rest(child)
    await rest(parent)
    expect((await keysOf(parent)).length).toBeLessThan(keys.length)
    expect(await linesOf(grandchild)).toEqual(lines.slice(0, 5201))
    expect((await remove(grandchild)).status).toBe(204)
    for (const stream of [grandchild, child, parent]) {
      await rest(stream)
      await rest(parent)
      expect([await keysOf(stream), await lentBy(stream)]).toEqual([[], []])
    }
  }, 60_000)

  test('[V6] goes back, whoever dies while it does', async () => {
    for (const [index, when] of (['before', 'after'] as const).entries()) {
      const [parent, fork] = [`bucketed-back-${index}`, `bucketed-back-${index}-fork`]
      await fill(parent, 12)
      await untilSealed(parent, 1000)
      const deadly = new Set(['keeps', 'gone'])
      letBefall((one, at, abort) => {
        if (at !== when || !deadly.delete(one)) return
        abort()
        throw new Error('The object has been killed.')
      })
      await put(fork, { forkOf: parent })
      await rest(fork)
      expect([...deadly]).toEqual(['gone'])
      await evictDurableObject(stubOf(fork))
      for (const stream of [fork, parent]) {
        expect((await remove(stream)).status).toBe(204)
        await rest(stream)
      }
      expect([[...deadly], await keysOf(parent), await lentBy(parent)]).toEqual([[], [], []])
    }
  }, 60_000)

  test('[V6] stays when the time of its owner is over, and comes back when the time of its borrower is', async () => {
    const [parent, fork] = ['bucketed-expiring', 'bucketed-expiring-fork']
    await fill(parent, 12)
    await untilSealed(parent, 1000)
    const lines = await linesOf(parent)
    await put(fork, { forkOf: parent })
    for (const stream of [parent, fork]) {
      await put(stream, { expires: { idleSeconds: 100 } })
      await runInDurableObject(stubOf(stream), (_, { storage: { sql } }) => {
        sql.exec('UPDATE tape SET committed_at = committed_at - 200000')
      })
      await evictDurableObject(stubOf(stream))
      await rest(stream)
      expect(await stateOf(stream)).toMatchObject({ code: 'stream-deleted' })
      if (stream === parent) expect(await linesOf(fork)).toEqual(lines)
    }
    await rest(parent)
    expect([await keysOf(parent), await keysOf(fork)]).toEqual([[], []])
  }, 60_000)

  test('[V6][H5] is read by the Worker for the fork, without its object or its parent', async () => {
    const [parent, fork] = ['bucketed-direct', 'bucketed-direct-fork']
    await fill(parent, 12)
    await untilSealed(parent, 1000)
    const lines = await linesOf(parent)
    const { epoch } = await put(fork, { forkOf: parent })
    await rest(fork)
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    await (await call(`/v1/streams/${fork}/events?seq=100-109&epoch=${epoch}`)).text()
    for (const stream of [fork, parent]) await evictDurableObject(stubOf(stream))
    const answer = await call(`/v1/streams/${fork}/events?seq=300-399&epoch=${epoch}`)
    const { events } = await answer.json<{ events: unknown[] }>()
    expect(events).toEqual(lines.slice(300, 400).map((line) => JSON.parse(line)))
    // Evicting what does not run is refused: so nothing of this has woken them.
    for (const stream of [fork, parent]) await expect(evictDurableObject(stubOf(stream))).rejects.toThrow()
  }, 60_000)
})

describe.each(['rows', 'bucketed'])('a redaction, and forks: %s', (kind) => {
  test('[V7] reaches none of them, and says which there are', async () => {
    const [parent, child, grandchild] = [`${kind}-secret`, `${kind}-secret-child`, `${kind}-secret-grandchild`]
    await fill(parent, 12)
    await untilSealed(parent, 1000)
    await put(child, { forkOf: parent })
    await put(grandchild, { forkOf: child, through: 5000 })
    for (const stream of [child, grandchild]) await rest(stream)
    const before = await linesOf(child)
    const forks = [child, grandchild]
    expect(
      await redact(parent, [
        [7, 7],
        [5990, 5990],
      ]),
    ).toMatchObject({ redacted: 2, forks })
    expect(await redact(parent, [[7, 7]])).toMatchObject({ redacted: 0, forks })
    expect((await linesOf(parent, '7-7'))[0]).toContain('"redacted":true')
    expect(await linesOf(child)).toEqual(before)

    const { epoch } = await stateOf(child)
    expect(await redact(child, [[7, 7]])).toMatchObject({
      redacted: 1,
      forks: [grandchild],
      epoch: expect.not.stringMatching(String(epoch)),
    })
    expect(await redact(grandchild, [[7, 7]])).toEqual({ redacted: 1, epoch: expect.any(String) })
    await rest(parent)
    for (const stream of [child, grandchild, parent]) expect((await linesOf(stream, '7-7'))[0]).toContain('"redacted":true')
    if (kind === 'bucketed') expect(await storedUnder(parent)).not.toContain('Task 8 of anna"')
    for (const stream of [grandchild, child]) {
      expect((await remove(stream)).status).toBe(204)
      await rest(stream)
    }
    expect(await redact(parent, [[8, 8]])).toEqual({ redacted: 1, epoch: expect.any(String) })
  }, 60_000)
})

/** Everything under the object's id in the bucket, unpacked. */
async function storedUnder(stream: string): Promise<string> {
  const bodies = await Promise.all((await keysOf(stream)).map(async (key) => (await env.SEGMENTS.get(key))?.arrayBuffer()))
  const unpack = (body: ArrayBuffer | undefined) =>
    new Response(new Blob([body ?? '']).stream().pipeThrough(new DecompressionStream('gzip'))).text()
  return (await Promise.all(bodies.map(unpack))).join('\n')
}
