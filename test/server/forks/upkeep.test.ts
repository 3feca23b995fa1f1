/** What a stream's alarm does while others whom it asks are in its way. */
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../../src/protocol/codes.ts'
import { ForkWorld } from '../../support/fork-world.ts'
import { draft } from '../../support/tape-state.ts'

/** A stream with as many events more, sealed and with a snapshot of its own. */
async function grow(world: ForkWorld, stream: string, { from, to }: { from: number; to: number }): Promise<void> {
  for (let n = from + 1; n <= to; n++) {
    const update = draft(n, { identifier: `o${n % 9}`, values: { n } })
    expect(world.stream(stream).publish('anna', [update])).toMatchObject({ type: 'taken' })
  }
  await world.stream(stream).settle()
}

async function family(): Promise<ForkWorld> {
  const world = new ForkWorld({ hasBucket: true })
  await grow(world, 'p', { from: 0, to: 80 })
  await world.stream('f').fork({ forkOf: 'p' })
  await world.rest()
  return world
}

describe('a lender that cannot be asked', () => {
  test('[V6][T5][R1] keeps nobody from sealing and redacting, and is told later', async () => {
    const world = await family()
    world.unreachable = new Refusal('unavailable')
    const fork = world.stream('f')
    expect(await fork.redact({ seq: [[3, 3]], reason: 'x' })).toBe(1)
    const sealedTo = () => [...fork.tape.segmentsFrom(0)].at(-1)?.last ?? -1
    const before = sealedTo()
    for (let n = 81; n <= 120; n++) fork.publish('anna', [draft(n, { identifier: 'o1', values: { n } })])
    for (let rings = 0; rings < 3; rings++) await fork.runAlarm()
    expect(sealedTo()).toBeGreaterThan(before + 30)
    expect(fork.isAlarmSet, 'it rings again').toBe(true)
    expect(fork.loans.debts()).toMatchObject([{ isDue: true }])
    expect(fork.core.sealed.snapshots()).not.toHaveProperty('isUnclean', true)
    world.unreachable = undefined
    await world.rest()
    expect(fork.loans.debts()).toMatchObject([{ isDue: false }])
  })

  test('[V6][H11] is not this stream, whatever it says: a fork whose parent says that it is deleted lives', async () => {
    const world = await family()
    const fork = world.stream('f')
    await fork.redact({ seq: [[3, 3]], reason: 'x' })
    const lines = await fork.lines()
    world.unreachable = new Refusal('stream-deleted', { at: 'forkOf' })
    fork.loans.owe([{ id: 'p', stream: 'p' }], 'f')
    const keys = world.keys('f/')
    expect(keys.length).toBeGreaterThan(0)
    await fork.runAlarm()
    expect(world.keys('f/')).toEqual(expect.arrayContaining([...keys]))
    expect(await fork.lines()).toEqual(lines)
    expect(fork.loans.debts()).toMatchObject([{ isDue: true }])
  })
})

test('[V6] what comes back from a fork while the rest is being removed is removed, too', async () => {
  const world = await family()
  const parent = world.stream('p')
  const { current } = parent.core.sealed.snapshots()
  const shared = (current?.chunks ?? []).map(({ hash }) => hash).filter((hash) => parent.loans.lentOf([hash]).size > 0)
  expect(shared.length).toBeGreaterThan(0)
  await grow(world, 'p', { from: 80, to: 160 })
  await grow(world, 'p', { from: 160, to: 240 })
  // Whatever the fork gives back now is what the alarm is just about to leave alone.
  const garbage = [...shared, 'none']
  parent.tape.keepSnapshots({ ...parent.tape.snapshots(), garbage })
  world.between = () => {
    world.between = () => {}
    parent.parent.keeps({ fork: 'f', names: [] })
  }
  await parent.runAlarm()
  await world.rest()
  const known = new Set(parent.tape.snapshots().garbage)
  for (const hash of shared) expect([world.keys('p/').includes(`p/${hash}`), known.has(hash)]).toEqual([false, false])
})
