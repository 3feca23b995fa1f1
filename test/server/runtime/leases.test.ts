/** What a Worker and the object tell each other of what is sealed: nothing twice. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { Leases } from '../../../src/server/edge/leases.ts'
import { answerSealed } from '../../../src/server/object/object-routes.ts'
import { Lessor, type SealedState } from '../../../src/server/sealed/sealed-state.ts'
import { noSnapshots, type Snapshots } from '../../../src/server/sealed/snapshot.ts'
import { CoreRig } from '../../support/core.ts'
import { MemoryTape } from '../../support/memory-tape.ts'

test('[H5][T7] the list of a snapshot is sent once, and again when it is another one', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const { core, storage } = new CoreRig(new MemoryTape())
  const sent: SealedState[] = []
  const stream = {
    fetch: async (request: Request) => {
      const answer = answerSealed(new Lessor(core), request)
      sent.push(await answer.clone().json())
      return answer
    },
  }
  const leases = new Leases()
  const look = () => {
    vi.setSystemTime(Date.now() + 60_000)
    return leases.of(new Request('http://tapeline/v1/streams/s/snapshot'), 's', stream)
  }
  const keep = (change: Partial<Snapshots>) => storage.keepSnapshots({ ...noSnapshots, ...change })
  const chunk = (hash: string) => ({ hash, bytes: 9, stored: 5, from: '', events: 1 })

  expect(await look()).toMatchObject({ epoch: null, snapshot: null, leaving: [] })
  core.configure({})
  expect(await look()).toMatchObject({ epoch: 'epoch-1', snapshot: null, leaving: [] })
  const current = { through: 0, chunks: [chunk('a')] }
  keep({ current })
  for (let looks = 0; looks < 3; looks++) expect(await look()).toMatchObject({ snapshot: current, leaving: [] })
  keep({ current, garbage: ['x'] })
  expect(await look()).toMatchObject({ snapshot: current, leaving: [] })
  keep({ current: { through: 0, chunks: [chunk('b')] }, leaving: ['a'] })
  for (let looks = 0; looks < 2; looks++) expect(await look()).toMatchObject({ snapshot: { chunks: [chunk('b')] }, leaving: ['a'] })
  keep({})
  expect(await look()).toMatchObject({ snapshot: null, leaving: [] })
  expect(sent.map(({ snapshot }) => snapshot !== undefined)).toEqual([true, true, true, false, false, false, true, false, true])
})
