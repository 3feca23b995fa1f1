import { expect, test } from 'vitest'
import { Folder, hashOf, keepBeside, type RefusingStream } from '../../src/models/index.ts'
import { type Draft, type TapeEvent, toValues, type Values } from '../../src/protocol/index.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const contentOf = (text: string): Values => ({ 0: toValues(bytes(text)), hash: hashOf(bytes(text)) })
const object = (identifier: string) => ({ collection: 'files', identifier })

test('[M12] the tape is read once, however many files were refused', async () => {
  const files = ['a', 'b', 'c']
  const events = files.flatMap((path, index): TapeEvent[] => [
    {
      seq: index,
      client: 'them',
      seen: -1,
      type: 'insert',
      ...object(path),
      values: { path, parts: 1, ...contentOf(`${path} of before`) },
    },
    { seq: files.length + index, client: 'them', seen: 2, type: 'update', ...object(path), values: contentOf(`${path} of theirs`) },
  ])
  let refused = files.map((path, place) => {
    const draft: Draft = { seen: 2, type: 'update', ...object(path), values: contentOf(`${path} of mine`) }
    return { place, draft, code: 'expect-failed' as const }
  })
  let reads = 0
  const context = { client: 'me', holes: [] }
  const folder = new Folder('files')
  const stream: RefusingStream = {
    client: 'me',
    latestSeq: 5,
    get status() {
      return { refused }
    },
    read: async () => {
      reads++
      return events
    },
    discard: (place) => {
      refused = refused.filter((each) => each.place !== place)
    },
    subscribe: () => () => {},
  }
  folder.receiver = {
    didCreateDraft: (change) => folder.apply([{ seq: events.length + folder.list.length, client: 'me', seen: 5, ...change }], [], context),
  }
  folder.apply(events, [], context)
  const kept: string[] = []
  await new Promise<void>((resolve) => {
    keepBeside(folder, stream, { onKept: ({ beside }) => kept.push(beside) === files.length && resolve() })
  })
  expect(kept).toEqual(['a (2)', 'b (2)', 'c (2)'])
  expect(reads).toBe(1)
})
