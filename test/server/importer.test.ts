/** An import into a stream's core: what comes out is what went in, whatever comes between. */
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../src/protocol/codes.ts'
import type { TapeEvent } from '../../src/protocol/event.ts'
import { checkImport, type Subs } from '../../src/protocol/import.ts'
import { Importer } from '../../src/server/importer.ts'
import type { StreamRules } from '../../src/server/turn/rules.ts'
import { CoreRig, FlakyTape } from '../support/core.ts'
import { hashOf, lineOf, piecesOf, randomTape } from '../support/random-tape.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { draft, plain, refused, submission, taken } from '../support/tape-state.ts'

type Rig = CoreRig<FlakyTape>

const newRig = () => new CoreRig(new FlakyTape(), 'epoch-2')
/** As after an eviction: nothing of memory is left. */
const woken = ({ storage }: Rig) => new CoreRig(storage, 'epoch-3')

/** What came of it: undefined, or the refusal as one value. */
async function send(rig: Rig, events: readonly TapeEvent[], subs?: Subs): Promise<unknown> {
  return outcome(rig, { events, ...(subs === undefined ? {} : { subs }) })
}

function finish(rig: Rig, latestSeq: number, hash?: string): Promise<unknown> {
  return outcome(rig, { finish: true, latestSeq, ...(hash === undefined ? {} : { hash }) })
}

async function outcome({ core }: Rig, body: object): Promise<unknown> {
  try {
    const wanted = checkImport(JSON.parse(JSON.stringify(body)))
    await (wanted.type === 'batch' ? new Importer(core).take(wanted) : new Importer(core).finish(wanted))
    return undefined
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { code: error.code, ...error.details }
  }
}

const countOf = (events: readonly TapeEvent[], client: string) => events.filter((event) => event.client === client).length

describe('a whole import', () => {
  test.each([1, 2, 3, 4, 5])('[I2][I4][I8] gives the same tape, with evictions and repeats between batches (seed %i)', async (seed) => {
    const events = randomTape(seed, 300)
    const random = new SeededRandom(seed)
    let rig = newRig()
    for (let next = 0; next < events.length; ) {
      const from = random.chance(0.3) ? Math.max(0, next - random.below(40)) : next
      const to = from + 1 + random.below(30)
      expect(await send(rig, events.slice(from, to))).toBeUndefined()
      next = Math.max(next, Math.min(to, events.length))
      expect([rig.core.state.latestSeq, rig.core.isImporting]).toEqual([next - 1, true])
      if (random.chance(0.5)) rig = woken(rig)
    }
    expect(await finish(rig, 299, hashOf(events))).toBeUndefined()
    for (const one of [rig, woken(rig)]) {
      expect(one.core.isImporting).toBe(false)
      expect(one.core.state).toEqual({ epoch: 'epoch-2', latestSeq: 299 })
      expect(one.events()).toEqual(JSON.parse(`[${events.map(lineOf).join(',')}]`))
    }
    const [anna, ben] = ['anna', 'ben'].map((client) => countOf(events, client)) as [number, number]
    const verdicts = rig.commit(submission('anna', [draft(anna), draft(anna + 1)]), submission('ben', [draft(ben + 2)]))
    expect(verdicts.map(plain)).toEqual([taken(300, 300, 1), refused('counter-skipped', { expected: ben + 1, counter: ben + 2 })])
  })

  test('[I7] tells those who listen, and nobody publishes before it is done', async () => {
    const events = randomTape(1, 20)
    const rig = newRig()
    const ear = rig.ear()
    await send(rig, events.slice(0, 12))
    expect(ear.take()).toMatchObject([{ type: 'slice', epoch: 'epoch-2', latestSeq: 11, covers: [[0, 11]] }])
    expect(rig.commit(submission('new', [draft(1)]), submission(undefined, [])).map(plain)).toEqual([
      refused('importing'),
      refused('importing'),
    ])
    expect(ear.take()).toEqual([])
    await send(rig, events.slice(10))
    expect(ear.take()).toMatchObject([{ covers: [[12, 19]] }])
    await finish(rig, 19)
    expect(rig.commit(submission('new', [draft(1)])).map(plain)).toEqual([taken(20, 20)])
  })

  test('[I7][P8] what waits in the turn in which it begins is refused, and what was taken before stands in its way', async () => {
    const rig = newRig()
    const verdicts: unknown[] = []
    rig.core.committer.submit(submission('new', [draft(1)]), (verdict) => verdicts.push(plain(verdict)))
    await send(rig, randomTape(1, 5))
    rig.endTurn()
    expect(verdicts).toEqual([refused('importing')])
    const other = newRig()
    other.commit(submission('new', [draft(1)]))
    expect(await send(other, randomTape(1, 5))).toMatchObject({ code: 'not-empty', latestSeq: 0 })
    expect(await finish(other, 0)).toMatchObject({ code: 'not-empty' })
    expect(await finish(other, 0, 'x')).toMatchObject({ code: 'not-empty' })
    expect([other.core.state.latestSeq, other.core.isImporting]).toEqual([0, false])
  })

  test('[I7][X3] is not asked of the rule, which takes up where it ends', async () => {
    const seen: number[] = []
    const validate: StreamRules['validate'] = (event, _, recent) => {
      seen.push(event.seq, recent.latestSeq)
      return undefined
    }
    const rig = new CoreRig(new FlakyTape(), 'epoch-2', { recent: 5, validate })
    await send(rig, randomTape(1, 20))
    await finish(rig, 19)
    rig.commit(submission('new', [draft(1)]))
    expect(seen).toEqual([20, 19])
  })
})

describe('a stream that was made before', () => {
  const made: readonly [string, (core: Rig['core']) => void][] = [
    ['an attribute', (core) => core.declareIndex('project', '/project')],
    ['its settings', (core) => core.configure({ expires: { idleSeconds: 60 } })],
  ]

  test.each(made)('[I2][I7][V1] takes an import as any empty one does, where %s made it', async (_, make) => {
    const events = randomTape(1, 30)
    const rig = newRig()
    make(rig.core)
    await send(rig, events.slice(0, 10))
    for (const one of [rig, woken(rig)]) {
      expect(one.core.isImporting).toBe(true)
      expect(one.commit(submission('new', [draft(1)])).map(plain)).toEqual([refused('importing')])
      expect(await send(one, events.slice(0, 20))).toBeUndefined()
    }
    expect(await send(rig, events.slice(20))).toBeUndefined()
    expect(await finish(rig, 29, hashOf(events))).toBeUndefined()
    expect(rig.commit(submission('new', [draft(1)])).map(plain)).toEqual([taken(30, 30)])
  })

  test('[I2][V1] takes nothing that is new once it is closed, and its import can be ended', async () => {
    const events = randomTape(1, 20)
    const rig = newRig()
    rig.core.configure({ closed: true })
    expect(await send(rig, events)).toMatchObject({ code: 'stream-closed' })
    expect([rig.core.state.latestSeq, rig.core.isImporting]).toEqual([-1, false])
    const other = newRig()
    await send(other, events.slice(0, 10))
    other.core.configure({ closed: true })
    expect(await send(other, events.slice(0, 10))).toBeUndefined()
    expect(await send(other, events)).toMatchObject({ code: 'stream-closed' })
    expect(await finish(other, 9, hashOf(events.slice(0, 10)))).toBeUndefined()
    expect(other.core.state).toMatchObject({ latestSeq: 9, closed: true })
  })
})

describe('what does not fit', () => {
  test('[I3] a gap, or a beginning elsewhere, changes nothing', async () => {
    const events = randomTape(1, 20)
    const rig = newRig()
    expect(await send(rig, events.slice(1))).toMatchObject({ code: 'import-gap', expected: 0, latestSeq: -1 })
    expect(rig.core.state.epoch).toBeNull()
    await send(rig, events.slice(0, 10))
    expect(await send(rig, events.slice(11))).toMatchObject({ code: 'import-gap', at: 'events[0].seq', expected: 10, latestSeq: 9 })
    expect([rig.core.state.latestSeq, rig.storage.appends.length]).toEqual([9, 1])
  })

  test('[I4] another tape’s events are found where they differ, in rows and where several batches overlap', async () => {
    const events = randomTape(1, 60)
    const rig = newRig()
    for (const piece of piecesOf(events, 20)) await send(rig, piece)
    const other = events.map((event) => (event.seq === 37 ? { ...event, seen: -1, version: 9 } : event))
    expect(await send(rig, other)).toMatchObject({ code: 'import-mismatch', at: 'events[37]', latestSeq: 59 })
    expect(await send(rig, other.slice(30, 45))).toMatchObject({ code: 'import-mismatch', at: 'events[7]' })
    expect(await send(rig, events)).toBeUndefined()
    expect(rig.storage.appends).toHaveLength(3)
  })

  test('[I5] a counter that skips or comes again spoils its batch alone', async () => {
    const events = randomTape(1, 40)
    const rig = newRig()
    await send(rig, events.slice(0, 20))
    const at = events.findIndex(({ seq, client }) => seq > 25 && client === 'anna')
    for (const by of [1, -1]) {
      const wrong = events.map((event) => (event.seq === at ? { ...event, counter: (event.counter ?? 0) + by } : event))
      const expected = { code: 'counter-order', at: `events[${at - 18}].counter`, expected: events[at]?.counter }
      expect(await send(rig, wrong.slice(18))).toMatchObject(expected)
    }
    expect(rig.core.state.latestSeq).toBe(19)
    expect(await send(rig, events.slice(18))).toBeUndefined()
  })

  test('[I8] it is not ended before all is there, nor when it is something else', async () => {
    const events = randomTape(1, 30)
    const rig = newRig()
    expect(await finish(rig, 29)).toMatchObject({ code: 'import-mismatch' })
    expect(await finish(rig, 29, hashOf(events))).toMatchObject({ code: 'import-mismatch', latestSeq: -1 })
    await send(rig, events.slice(0, 20))
    for (const latestSeq of [18, 20, 29])
      expect(await finish(rig, latestSeq)).toMatchObject({ code: 'import-mismatch', at: 'latestSeq', latestSeq: 19 })
    expect(await finish(rig, 19, hashOf(events))).toMatchObject({ code: 'import-mismatch', at: 'hash' })
    expect(rig.core.isImporting).toBe(true)
    await send(rig, events.slice(20))
    expect(await finish(rig, 29, hashOf(events))).toBeUndefined()
    expect(await send(rig, events.slice(20))).toMatchObject({ code: 'not-empty' })
    rig.commit(submission('new', [draft(1)]))
    expect(await finish(rig, 29, hashOf(events))).toBeUndefined()
    expect(await finish(rig, 29, hashOf(events.slice(1)))).toMatchObject({ code: 'not-empty' })
  })

  test('[I2][T4] what storage refuses is as if it had not come', async () => {
    const events = randomTape(1, 20)
    const rig = newRig()
    rig.storage.failing = new Error('The disk is full.')
    expect(await send(rig, events)).toMatchObject({ code: 'unavailable' })
    expect([rig.core.state.epoch, rig.reports.length]).toEqual([null, 1])
    rig.storage.failing = undefined
    expect(await send(rig, events)).toBeUndefined()
    expect(rig.core.state.latestSeq).toBe(19)
  })
})

describe('whose a client is', () => {
  const events = randomTape(1, 40)
  const [anna, ben] = ['anna', 'ben'].map((client) => countOf(events, client)) as [number, number]

  async function imported(subs?: Subs): Promise<Rig> {
    const rig = newRig()
    for (const piece of piecesOf(events, 15)) await send(rig, piece, subs)
    await finish(rig, 39)
    return woken(rig)
  }

  test('[I6][P5] is what the import said of it', async () => {
    const rig = await imported({ anna: 'user-1', nobody: 'user-9' })
    expect([rig.core.ownerOf('anna'), rig.core.ownerOf('ben'), rig.core.ownerOf('nobody')]).toEqual(['user-1', undefined, undefined])
    expect(rig.core.committer.takenFrom('anna', 'user-2')).toBeUndefined()
    expect(rig.commit(submission('anna', [draft(anna + 1)], { sub: 'user-2' })).map(plain)).toEqual([refused('client-taken')])
    expect(rig.commit(submission('anna', [draft(anna + 1)], { sub: 'user-1' })).map(plain)).toEqual([taken(40, 40)])
  })

  test('[I6][L1] is nobody’s until a draft of it is taken, and then that sub’s', async () => {
    const rig = await imported()
    expect([rig.core.committer.takenFrom('ben', 'user-1'), rig.core.committer.takenFrom('ben', 'user-2')]).toEqual([ben, ben])
    const duplicate = rig.commit(submission('ben', [draft(ben)], { sub: 'user-1' }))
    const skipped = rig.commit(submission('ben', [draft(ben + 5)], { sub: 'user-1' }))
    expect([...duplicate, ...skipped].map(plain)).toMatchObject([{ type: 'taken', duplicates: 1 }, { code: 'counter-skipped' }])
    expect(rig.commit(submission('ben', [draft(ben + 1)], { sub: 'user-2' })).map(plain)).toEqual([taken(40, 40)])
    for (const one of [rig, woken(rig)]) {
      expect(one.core.ownerOf('ben')).toBe('user-2')
      expect(one.commit(submission('ben', [draft(ben + 2)], { sub: 'user-1' })).map(plain)).toEqual([refused('client-taken')])
    }
  })

  test('[I6] may be said later, and not twice in different ways', async () => {
    const rig = newRig()
    await send(rig, events.slice(0, 20))
    expect(await send(rig, events.slice(20, 30), { anna: 'user-1' })).toBeUndefined()
    expect(await send(rig, events.slice(30), { anna: 'user-2' })).toMatchObject({ code: 'import-mismatch', at: 'subs' })
    expect(await send(rig, events.slice(30))).toBeUndefined()
    expect(rig.core.ownerOf('anna')).toBe('user-1')
  })
})
