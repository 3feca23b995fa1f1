/** NDJSON off a stream's core, as its reader takes it. */
import { expect, test } from 'vitest'
import { answerRead } from '../../../src/server/object/object-routes.ts'
import { CoreRig } from '../../support/core.ts'
import { MemoryTape } from '../../support/memory-tape.ts'
import { draft, submission } from '../../support/tape-state.ts'

const request = new Request('https://tapeline.example/v1/streams/s/events', { headers: { Accept: 'application/x-ndjson' } })

/** Some 12 MiB, which are six pages. */
function filledRig(): CoreRig<MemoryTape> {
  const rig = new CoreRig(new MemoryTape())
  const values = { text: 'x'.repeat(200_000) }
  for (let counter = 1; counter <= 60; counter++) rig.commit(submission('a', [draft(counter, { values })]))
  return rig
}

test.each([1, 3])('[H6][S4] NDJSON breaks off when the epoch ends, and never joins what is of two (after %i pages)', async (pages) => {
  const { core, storage } = filledRig()
  const reader = (await answerRead(core, request)).body?.getReader()
  const read = async () => (await reader?.read())?.value
  for (let page = 0; page < pages; page++) expect(await read()).toBeDefined()
  storage.renew('epoch-2')
  core.forget()
  const rest = async () => {
    while ((await read()) !== undefined);
  }
  await expect(rest()).rejects.toMatchObject({ code: 'wrong-epoch', details: { epoch: 'epoch-2' } })
})
