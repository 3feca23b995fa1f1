/** Less of a tape is wanted: the models begin anew with what stays, and whoever looks at that has lost nothing. */
import { expect, test } from 'vitest'
import type { ModelReconciler } from '../../src/client/index.ts'
import { narrowAfterMs } from '../../src/client/tape/wanting.ts'
import { Collection, History, Text } from '../../src/models/index.ts'
import type { TapeEvent } from '../../src/protocol/index.ts'
import { epoch, TestStream } from '../support/test-stream.ts'

const [kept, other] = [{ project: ['kept'] }, { project: ['other'] }]
const note = { collection: 'notes', identifier: 'n' }
const task = (identifier: string) => ({ collection: 'tasks', identifier })

const insertText = (seq: number, offset: number, values: string): TapeEvent => {
  return { seq, client: 'them', seen: seq - 1, type: 'update', ...note, deltas: { body: [{ type: 'insert', offset, values }] } }
}

/** Models of a stream of which two projects are wanted, and these events are on the tape. */
async function attached(models: readonly ModelReconciler[], events: readonly TapeEvent[]) {
  const client = new TestStream({ wanted: [kept, other] })
  for (const model of models) client.stream.attach(model)
  const latestSeq = events.length - 1
  await client.welcome(latestSeq, { counter: 0 })
  await client.frame({ type: 'slice', epoch, latestSeq, covers: [[0, latestSeq]], events })
  const narrow = async (objects: readonly (readonly [string, string])[]) => {
    client.stream.want([kept])
    await client.settle(narrowAfterMs)
    client.transport.lists.at(-1)?.answer({ epoch, latestSeq, objects })
    await client.settle()
    expect(client.stream.status.parts).toHaveLength(1)
  }
  return { client, narrow }
}

test('[C21] [M11] a text that stays is told of nothing, and its cursors stay where they are', async () => {
  const text = new Text('notes', { identifier: 'n', field: 'body' })
  const { narrow } = await attached([text], [insertText(0, 0, 'hello world'), insertText(1, 11, '!')])
  const cursor = text.track(5)
  const told: unknown[] = []
  text.subscribe(({ splices }) => told.push(splices))
  text.splice(0, 0, 'Oh, ')
  expect([text.value, cursor.from, told.length]).toEqual(['Oh, hello world!', 9, 1])
  await narrow([['notes', 'n']])
  expect([text.value, cursor.from, told.length]).toEqual(['Oh, hello world!', 9, 1])
  text.splice(text.length, 0, '!')
  expect([text.value, cursor.from]).toEqual(['Oh, hello world!!', 9])
})

test('[C21] [M11] a text that is let go of is empty, and says so', async () => {
  const text = new Text('notes', { identifier: 'n', field: 'body' })
  const { narrow } = await attached([text], [insertText(0, 0, 'hello')])
  const told: unknown[] = []
  text.subscribe(({ splices }) => told.push(splices))
  await narrow([])
  expect([text.value, told]).toEqual(['', [[{ offset: 0, removed: 5, inserted: undefined }]]])
})

test('[C21] [U1] what stays can be undone, and what is let go of cannot', async () => {
  const things = new Collection('tasks')
  const history = new History(things)
  const inserts = ['a', 'b'].map((identifier, seq): TapeEvent => {
    return { seq, client: 'them', seen: -1, type: 'insert', ...task(identifier), values: { title: 'theirs' } }
  })
  const { narrow } = await attached([history], inserts)
  for (const identifier of ['a', 'b']) things.update(identifier, { title: 'mine' })
  const own = things.insert({ title: 'new' })
  history.undo()
  expect([history.canUndo, history.canRedo, things.has(own)]).toEqual([true, true, false])
  await narrow([['tasks', 'a']])
  expect([history.canUndo, history.canRedo]).toEqual([true, false])
  expect(history.undo()).toEqual({ undone: 1, partly: 0, left: 0 })
  expect([things.get('a')?.values.title, things.get('b'), history.canUndo]).toEqual(['theirs', undefined, false])
})

test('[C21] [X5] [X6] what is open stays open, what was decided is not told of again, and what is let go of is closed', async () => {
  const told: string[] = []
  const things = new Collection('tasks', { onConflict: ({ identifier }) => void told.push(identifier) })
  const changes: unknown[] = []
  const inserts = ['open', 'dismissed', 'gone'].map((identifier, seq): TapeEvent => {
    return { seq, client: 'them', seen: -1, type: 'insert', ...task(identifier), values: { title: 'before' } }
  })
  const { client, narrow } = await attached([things], inserts)
  for (const { identifier } of inserts) things.update(identifier, { title: 'mine' })
  const theirs = inserts.map(({ identifier }, index): TapeEvent => {
    return { seq: 3 + index, client: 'them', seen: 2, type: 'update', ...task(identifier), values: { title: 'theirs' } }
  })
  await client.frame({ type: 'slice', epoch, latestSeq: 5, covers: [[3, 5]], events: theirs })
  const [open, dismissed, gone] = things.conflicts
  dismissed?.dismiss()
  things.subscribe((change) => changes.push(change))
  await narrow([
    ['tasks', 'open'],
    ['tasks', 'dismissed'],
  ])
  expect([open?.isOpen, dismissed?.isOpen, gone?.isOpen]).toEqual([true, false, false])
  expect([things.conflicts, told]).toEqual([[open], ['open', 'dismissed', 'gone']])
  expect(changes).toHaveLength(1)
})
