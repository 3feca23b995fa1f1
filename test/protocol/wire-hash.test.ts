/** The shapes of the wire, by their hash: whoever changes one has to decide whether old peers still understand it. */
import { createHash } from 'node:crypto'
import { toJsonSchema } from '@valibot/to-json-schema'
import { expect, test } from 'vitest'
import { draftSchema, eventSchema } from '../../src/protocol/event.ts'
import { fetchFrameSchema, serverFrameSchema, subprotocol, tokenFrameSchema, whisperFrameSchema } from '../../src/protocol/frames.ts'
import { importBatchSchema, importedEventSchema, importFinishSchema } from '../../src/protocol/import.ts'
import { anonymousPublishSchema, clientPublishSchema } from '../../src/protocol/publish.ts'
import { sliceSchema } from '../../src/protocol/slice.ts'

const schemas = {
  draft: draftSchema,
  event: eventSchema,
  slice: sliceSchema,
  clientPublish: clientPublishSchema,
  anonymousPublish: anonymousPublishSchema,
  fetchFrame: fetchFrameSchema,
  tokenFrame: tokenFrameSchema,
  whisperFrame: whisperFrameSchema,
  serverFrame: serverFrameSchema,
  importBatch: importBatchSchema,
  importedEvent: importedEventSchema,
  importFinish: importFinishSchema,
}

test('[E2] the schemas of tapeline.v1 are those that its peers were built with', () => {
  const shapes = Object.entries(schemas).map(([name, schema]) => [name, toJsonSchema(schema, { errorMode: 'ignore' })])
  const hash = createHash('sha256').update(JSON.stringify(shapes)).digest('hex')
  expect(
    `${subprotocol} ${hash}`,
    'A schema of the wire has changed. If peers built with the old one no longer understand the new one, bump the protocol version (`subprotocol` in frames.ts and PROTOCOL.md); then put the new hash here.',
  ).toBe('tapeline.v1 a9d2223d733b60d0a9ceeccf20d9773c14485cdad8d848e603ebe5e3bdbd8646')
})
