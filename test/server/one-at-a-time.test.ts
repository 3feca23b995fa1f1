/** Heavy reads come one after the other, and what is asked for twice is worked out once. */
import { expect, test } from 'vitest'
import { OneAtATime } from '../../src/server/tape/one-at-a-time.ts'
import { CoreRig } from '../support/core.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { draft, submission } from '../support/tape-state.ts'

test('[H12] one runs at a time, in order, whether those before it fail or not', async () => {
  const one = new OneAtATime()
  const seen: string[] = []
  const work = (name: string, isBad = false) =>
    one.run(async () => {
      seen.push(`${name} begins`)
      await Promise.resolve()
      seen.push(`${name} ends`)
      if (isBad) throw new Error(name)
      return name
    })
  const results = await Promise.allSettled([work('a'), work('b', true), work('c')])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
})

test('[H12] when too many wait, the next are sent away, to come again later', async () => {
  const one = new OneAtATime()
  const { promise, resolve: end } = Promise.withResolvers<void>()
  const first = one.run(() => promise)
  const others = Array.from({ length: 64 }, () => one.run(async () => {}))
  await expect(one.run(async () => {})).rejects.toThrow('unavailable')
  end()
  await Promise.all([first, ...others])
  await expect(one.run(async () => 1)).resolves.toBe(1)
})

test('[H14] a hash that several ask for at once is worked out once', async () => {
  const rig = new CoreRig(new MemoryTape())
  rig.commit(submission('a', [draft(1), draft(2)]))
  const asked = [rig.core.reads.hashAt(1, undefined), rig.core.reads.hashAt(9, 'epoch-1'), rig.core.reads.hashAt(0, undefined)]
  const [all, same, first] = await Promise.all(asked)
  expect(same).toBe(all)
  expect([all?.objects, first?.objects]).toEqual([2, 1])
  await expect(rig.core.reads.hashAt(1, 'other')).rejects.toThrow('wrong-epoch')
})
