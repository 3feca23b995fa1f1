/** Forks, redactions and deletions killed between any two steps: nothing is lost, and nothing is left for ever. */
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../../src/protocol/codes.ts'
import type { TapeEvent } from '../../../src/protocol/event.ts'
import { ForkWorld, Killed } from '../../support/fork-world.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

const clients = ['anna', 'ben', 'cleo']

/** Publishes so many events by some clients in turn; gives the last counters. */
function fill(world: ForkWorld, stream: string, count: number, counters = new Map<string, number>()): Map<string, number> {
  const random = new SeededRandom(count)
  for (let i = 0; i < count; i++) {
    const client = random.pick(clients)
    const counter = (counters.get(client) ?? 0) + 1
    counters.set(client, counter)
    const draft = { counter, seen: -1, type: 'update', collection: 'c', identifier: `${random.below(9)}`, values: { n: `${stream} ${i}` } }
    expect(world.stream(stream).publish(client, [draft])).toMatchObject({ type: 'taken' })
  }
  return counters
}

/** The last counter of each client among the lines. */
function countersOf(lines: readonly string[]): Map<string, number> {
  return new Map(lines.map((line) => JSON.parse(line) as TapeEvent).map(({ client = '', counter = 0 }) => [client, counter]))
}

/** One after the other, each of which is asked for again after it was killed. */
const acts: readonly (readonly [name: string, act: (world: ForkWorld) => Promise<unknown>])[] = [
  ['a fork in the midst', (world) => world.stream('f').fork({ forkOf: 'p', through: 41 })],
  ['a fork of it all', (world) => world.stream('g').fork({ forkOf: 'p' })],
  ['a fork of a fork', (world) => world.stream('h').fork({ forkOf: 'g', through: 66 })],
  ['a redaction in the parent', (world) => world.stream('p').redact({ seq: [[10, 30]], reason: 'x' })],
  [
    'a redaction in a fork',
    (world) =>
      world.stream('g').redact({
        seq: [
          [2, 2],
          [60, 60],
        ],
        reason: 'x',
      }),
  ],
  ['the end of the parent', async (world) => end(world, 'p')],
  ['the end of a fork', async (world) => end(world, 'g')],
  ['the end of another', async (world) => end(world, 'f')],
  ['the end of the last', async (world) => end(world, 'h')],
]

async function end(world: ForkWorld, stream: string): Promise<void> {
  world.stream(stream).core.erase()
  await world.rest()
}

async function newWorld(hasBucket: boolean, more: { readonly stepsAtOnce?: number } = {}): Promise<ForkWorld> {
  const world = new ForkWorld({ hasBucket, ...more })
  fill(world, 'p', 80)
  await world.stream('p').settle()
  return world
}

async function linesOf(world: ForkWorld): Promise<Record<string, readonly string[] | string>> {
  const all: Record<string, readonly string[] | string> = {}
  for (const name of ['p', 'f', 'g', 'h']) {
    all[name] = await world
      .stream(name)
      .lines()
      .catch((error) => (error instanceof Refusal ? error.code : String(error)))
  }
  return all
}

/** What each act leaves, when nobody is killed. */
async function undisturbed(hasBucket: boolean) {
  const world = await newWorld(hasBucket)
  const outcomes: { readonly steps: number; readonly lines: Record<string, readonly string[] | string> }[] = []
  for (const [, act] of acts) {
    world.steps = 0
    await act(world)
    await world.rest()
    outcomes.push({ steps: world.steps, lines: await linesOf(world) })
  }
  return { world, outcomes }
}

describe.each([
  ['with a bucket', true, 1],
  ['without', false, 5],
] as const)('%s', (_, hasBucket, stride) => {
  test('[V6] each stream has its own events until its end, and nothing is left of all', async () => {
    const { world, outcomes } = await undisturbed(hasBucket)
    const at = (act: number) => outcomes[act]?.lines ?? {}
    const whole = at(0).p ?? []
    expect([at(2).f, at(2).g, at(2).h]).toEqual([whole.slice(0, 42), whole, whole.slice(0, 67)])
    const said = (line: string | undefined) => (JSON.parse(line ?? '{}') as TapeEvent).redacted !== true
    expect([said(at(3).p?.[10]), said(at(3).g?.[10]), said(at(4).g?.[2]), said(at(4).h?.[2])]).toEqual([false, true, false, true])
    expect(at(6)).toEqual({ p: 'stream-deleted', g: 'stream-deleted', f: whole.slice(0, 42), h: whole.slice(0, 67) })
    expectNothing(world)
  })

  test.each(acts.map(([name], index) => [name, index] as const))('[V5][V6] %s survives a kill at any step', async (_name, index) => {
    const { outcomes } = await undisturbed(hasBucket)
    const steps = outcomes[index]?.steps ?? 0
    expect(steps).toBeGreaterThan(2)
    for (let killAt = 0; killAt <= steps; killAt += stride) {
      const world = await newWorld(hasBucket)
      for (const [act, [, run]] of acts.entries()) {
        world.steps = 0
        world.killAt = act === index ? killAt : Number.POSITIVE_INFINITY
        try {
          await run(world)
          await world.rest()
        } catch (error) {
          expect(error).toBeInstanceOf(Killed)
        }
        world.restart()
        if (act === index && !isEnd(act)) await run(world)
        await world.rest()
        expect(await linesOf(world), `${act} after a kill at ${killAt}`).toEqual(outcomes[act]?.lines)
      }
      expect(world.keys(), `after a kill at ${killAt}`).toEqual([])
    }
  })

  test('[V5][V6] what was never finished can be deleted at any step, before its parent or after it', async () => {
    const { outcomes } = await undisturbed(hasBucket)
    for (let killAt = 0; killAt <= (outcomes[0]?.steps ?? 0); killAt += stride) {
      for (const order of ['fp', 'pf']) {
        const world = await killedFork(hasBucket, killAt)
        for (const name of order) {
          await end(world, name)
          expect(await linesOf(world)).toHaveProperty(name, 'stream-deleted')
        }
        expectNothing(world)
      }
    }
  })

  test('[V7] what the parent redacts while a fork is half made is not in it', async () => {
    const { outcomes } = await undisturbed(hasBucket)
    for (let killAt = 0; killAt <= (outcomes[0]?.steps ?? 0); killAt += stride) {
      const world = await killedFork(hasBucket, killAt)
      const fork = world.stream('f').tape.fork()
      const whole = await world.stream('p').lines()
      // Then nothing more is asked of the parent, which tells of the fork.
      const isAllRead = fork !== undefined && (fork.making === undefined || (fork.making.end > 0 && fork.making.next > fork.making.end))
      await world.stream('p').redact({ seq: [[3, 40]], reason: 'x' })
      if (fork !== undefined && fork.making?.stage !== 'noting') expect(world.stream('p').loans.forks()).toEqual(['f'])
      await world.stream('f').fork({ forkOf: 'p', through: 41 })
      await world.rest()
      const { f, p } = await linesOf(world)
      expect(f).toEqual((isAllRead ? whole : p)?.slice(0, 42))
      await end(world, 'p')
      expect((await linesOf(world)).f).toEqual(f)
      await end(world, 'f')
      expectNothing(world)
    }
  })

  test('[V5] what takes long is answered before it is made, and goes on by itself', async () => {
    const world = await newWorld(hasBucket, { stepsAtOnce: 4 })
    const stream = world.stream('f')
    for (let asked = 0; asked < 2; asked++) {
      await stream.fork({ forkOf: 'p', through: 70 })
      expect(stream.core.isImporting).toBe(true)
    }
    await world.rest()
    expect(stream.core.isImporting).toBe(false)
    expect(await stream.lines()).toEqual((await world.stream('p').lines()).slice(0, 71))
  })

  test('[V6][T7] a fork that goes on makes snapshots of its own, and gives back those of others', async () => {
    const world = await newWorld(hasBucket)
    await world.stream('f').fork({ forkOf: 'p' })
    await world.rest()
    const counters = countersOf(await world.stream('p').lines())
    for (const [name, from] of [
      ['f', counters],
      ['p', counters],
    ] as const) {
      let before = from
      for (let round = 0; round < 6; round++) {
        before = fill(world, name, 20, new Map(before))
        await world.stream(name).settle()
      }
    }
    const [f, p] = [await world.stream('f').lines(), await world.stream('p').lines()]
    expect([f.length, p.length, f.slice(0, 80)]).toEqual([200, 200, p.slice(0, 80)])
    const { current } = world.stream('f').core.sealed.snapshots()
    expect(current?.through).toBeGreaterThan(150)
    const lent = world.stream('p').loans.lentOf(world.keys('p/').map((key) => key.slice(2)))
    // Nothing but segments is lent any more.
    const shared = [...world.stream('f').tape.segmentsFrom(0)].flatMap(({ plain, folded, places }) => [plain, folded, places])
    expect([...lent].sort()).toEqual(shared.flatMap((entry) => (entry?.owner === 'p' ? [entry.hash] : [])).sort())
    expect(lent.size > 0).toBe(hasBucket)
    const hash = async (name: string) => (await world.stream(name).core.reads.hashAt(79, undefined)).hash
    expect(await hash('f')).toBe(await hash('p'))
    await end(world, 'p')
    expect(await world.stream('f').lines()).toEqual(f)
    await end(world, 'f')
    expectNothing(world)
  })

  test('[V4][V5] what is half made takes nothing else, and whose parent is deleted says so', async () => {
    const world = await killedFork(hasBucket, 12)
    const stream = world.stream('f')
    expect(stream.core.isImporting).toBe(true)
    const draft = { counter: 1, seen: -1, type: 'delete', collection: 'c', identifier: 'x' }
    expect(stream.publish('dora', [draft])).toMatchObject({ refusal: { code: 'importing' } })
    await expect(stream.redact({ seq: [[0, 0]], reason: 'x' })).rejects.toMatchObject({ code: 'importing' })
    await expect(stream.fork({ forkOf: 'p' })).rejects.toMatchObject({ code: 'not-empty' })
    await expect(world.stream('g').fork({ forkOf: 'f' })).rejects.toMatchObject({ code: 'importing', details: { at: 'forkOf' } })
    await end(world, 'p')
    await expect(stream.fork({ forkOf: 'p', through: 41 })).rejects.toMatchObject({ code: 'stream-deleted', details: { at: 'forkOf' } })
    expect(stream.core.isImporting).toBe(true)
  })

  test('[V3] every client goes on with its next counter, and what it had published before is a duplicate', async () => {
    for (const through of [0, 1, 17, 40, 63, 73, 78, 79]) {
      const world = await newWorld(hasBucket)
      await world.stream('f').fork({ forkOf: 'p', through })
      const counters = countersOf((await world.stream('p').lines()).slice(0, through + 1))
      world.restart()
      for (const client of clients) {
        const counter = counters.get(client) ?? 0
        const draft = (n: number) => ({ counter: n, seen: -1, type: 'delete', collection: 'c', identifier: 'x' })
        const { stream } = { stream: world.stream('f') }
        expect(stream.publish(client, [draft(counter + 2)])).toMatchObject({ refusal: { code: 'counter-skipped' } })
        if (counter > 0) {
          expect(stream.publish(client, [draft(counter)])).toMatchObject({ type: 'taken', duplicates: 1 })
          expect(stream.publish(client, [draft(counter + 1)], 'somebody')).toMatchObject({ refusal: { code: 'client-taken' } })
        }
        expect(stream.publish(client, [draft(counter + 1)], counter > 0 ? undefined : 'somebody')).toMatchObject({ duplicates: 0 })
      }
    }
  })
})

/** A fork that was killed at a step, before anybody goes on with it. */
async function killedFork(hasBucket: boolean, killAt: number): Promise<ForkWorld> {
  const world = await newWorld(hasBucket)
  world.steps = 0
  world.killAt = killAt
  await world
    .stream('f')
    .fork({ forkOf: 'p', through: 41 })
    .catch((error) => expect(error).toBeInstanceOf(Killed))
  world.restart()
  return world
}

function expectNothing(world: ForkWorld): void {
  expect(world.keys()).toEqual([])
  for (const name of ['p', 'f', 'g', 'h']) {
    expect(world.stream(name).rows.blobs.size).toBe(0)
    expect([world.stream(name).loans.forks(), world.stream(name).loans.debts()]).toEqual([[], []])
  }
}

test('[V6] what was sealed before a bucket was bound is copied into it, and shared from there', async () => {
  const world = await newWorld(false)
  const lines = await world.stream('p').lines()
  world.bucket = new Map()
  world.restart()
  await world.stream('f').fork({ forkOf: 'p' })
  await world.stream('g').fork({ forkOf: 'f' })
  await world.rest()
  expect([world.keys('p/'), world.keys('f/').length > 0, world.keys('g/')]).toEqual([[], true, []])
  for (const name of ['p', 'f']) await end(world, name)
  expect(await world.stream('g').lines()).toEqual(lines)
  await end(world, 'g')
  expectNothing(world)
})

const isEnd = (act: number) => acts[act]?.[0].startsWith('the end') === true

test('[V3][T9] what of a segment can be done without may be damaged', async () => {
  const world = await newWorld(false)
  const parent = world.stream('p')
  const { places } = [...parent.tape.segmentsFrom(0)][0] ?? {}
  parent.rows.blobs.set(places?.hash ?? '', new Uint8Array([0]))
  await world.stream('f').fork({ forkOf: 'p', through: 79 })
  await world.rest()
  expect(await world.stream('f').lines()).toEqual(await parent.lines())
  const kept = [...world.stream('f').tape.segmentsFrom(0)].map((segment) => segment.places?.hash)
  expect([kept.length > 3, kept.includes(places?.hash)]).toEqual([true, false])
})
