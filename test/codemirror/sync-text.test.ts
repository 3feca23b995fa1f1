/** An editor tied to a text: over states of CodeMirror without a page, with what others write in between. */

import { undo } from '@codemirror/commands'
import { EditorState } from '@codemirror/state'
import { expect, test, vi } from 'vitest'
import { syncText } from '../../src/codemirror/sync-text.ts'
import { Text } from '../../src/models/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { live, PlayedView, settle } from './played-view.ts'

test('[M11] what is typed is in the text, and what others write in the editor, once each', async () => {
  const { text, other, events } = live()
  const view = new PlayedView(text)
  await settle()
  view.type(0, 0, 'hello world')
  expect(text.value).toBe('hello world')
  other([{ type: 'insert', offset: 5, values: ',' }])
  expect(view.shown).toBe('hello, world')
  view.dispatch({
    changes: [
      { from: 0, to: 1, insert: 'H' },
      { from: 12, insert: '!' },
    ],
  })
  expect(text.value).toBe('Hello, world!')
  expect(view.shown).toBe(text.value)
  expect(events).toHaveLength(3)
})

test('[M11] undo takes back what was typed here alone, and selections stay where they are', async () => {
  const { text, other } = live()
  const view = new PlayedView(text)
  await settle()
  view.type(0, 0, 'mine')
  other([{ type: 'insert', offset: 0, values: 'theirs ' }])
  expect(view.state.selection.main.anchor).toBe('theirs mine'.length)
  undo({ state: view.state, dispatch: (transaction) => view.dispatch(transaction) })
  expect([view.shown, text.value]).toEqual(['theirs ', 'theirs '])
})

test('[M11] it shows the text whatever it began with, and is read-only until that is ready', async () => {
  const text = new Text('notes')
  const view = new PlayedView(text, 'something else')
  await settle()
  expect([view.shown, view.state.readOnly]).toEqual(['', true])
  const deltas = { text: [{ type: 'insert', offset: 0, values: 'line\r\nline\rline\n' }] } as const
  text.apply([{ seq: 0, seen: -1, type: 'update', collection: 'notes', identifier: 'text', deltas }], [], { client: 'me', holes: [] })
  expect([view.shown, view.state.readOnly]).toEqual(['line\r\nline\rline\n', false])
  expect(view.state.doc.length).toBe(text.length)
})

test('[M11] what cannot be in the text is gone from the editor again, and is told', async () => {
  const { text } = live()
  const view = new PlayedView(text)
  await settle()
  view.type(0, 0, 'a🙂b')
  view.type(0, 0, '\ud800')
  await settle()
  expect([view.shown, text.value]).toEqual(['a🙂b', 'a🙂b'])
  view.type(2, 1, '')
  await settle()
  expect([view.shown, text.value]).toEqual(['a🙂b', 'a🙂b'])
  expect(view.errors).toHaveLength(2)
})

test('[M11] what the page does to the text in the middle of an update appears, and nothing does any more when it has ended', async () => {
  const { text, other } = live()
  const view = new PlayedView(text)
  await settle()
  view.onUpdate = () => {
    view.onUpdate = () => {}
    text.splice(0, 0, '# ')
  }
  view.type(0, 0, 'title')
  await settle()
  expect([view.shown, text.value]).toEqual(['# title', '# title'])
  view.binding.destroy()
  other([{ type: 'insert', offset: 0, values: 'x' }])
  expect(view.shown).toBe('# title')
})

test('[M11] what is typed before the editor shows the text, or while it lacks something, is in both', async () => {
  const { text } = live()
  text.splice(0, 0, 'hello world')
  const early = new PlayedView(text, 'xy')
  early.type(1, 0, 'Q')
  await settle()
  expect(early.shown).toBe(text.value)
  expect(text.value).toContain('Q')
  early.onUpdate = () => {
    early.onUpdate = () => {}
    text.splice(0, 0, '# ')
  }
  early.type(early.shown.length, 0, '!')
  early.type(early.shown.length, 0, '?')
  await settle()
  expect(text.value).toMatch(/^# .*!\?$/)
  expect(early.shown).toBe(text.value)
})

test('[M11] of several transactions in one update each stands for itself', async () => {
  const { text } = live()
  const view = new PlayedView(text)
  await settle()
  view.type(0, 0, 'one two')
  view.dispatch({ changes: { from: 0, insert: '\ud800' } }, { changes: { from: 8, insert: '!' } })
  await settle()
  expect([view.shown, text.value]).toEqual(['one two!', 'one two!'])
})

test('[M11] who answers to a change at once, before or after the editor is told, does not confuse it', async () => {
  for (const isFirst of [true, false]) {
    const { text, other } = live()
    const answer = () => {
      if (text.value.startsWith('a'))
        text.edit([
          { offset: 0, removed: 1, inserted: undefined },
          { offset: 2, removed: 0, inserted: 'z' },
        ])
      if (text.value.includes('b')) text.splice(text.value.indexOf('b'), 1, 'c')
    }
    if (isFirst) text.subscribe(answer)
    const view = new PlayedView(text)
    if (!isFirst) text.subscribe(answer)
    await settle()
    other([{ type: 'insert', offset: 0, values: 'pq' }])
    other([{ type: 'insert', offset: 0, values: 'a' }])
    view.type(0, 0, 'xb')
    await settle()
    expect(view.shown).toBe(text.value)
    expect(text.value).toContain('xc')
  }
})

test('[M11] the page may make it read-only, filter what is typed, and fail where it is told', async () => {
  const { text, other } = live()
  const readOnly = EditorState.readOnly
  expect(EditorState.create({ extensions: [syncText(text), readOnly.of(true)] }).readOnly).toBe(true)
  expect(EditorState.create({ extensions: [readOnly.of(false), syncText(new Text('notes'))] }).readOnly).toBe(true)
  const unready = new Text('notes')
  const late = new PlayedView(unready)
  unready.apply([], [], { client: 'me', holes: [] })
  await settle()
  expect(late.state.readOnly).toBe(false)
  const view = new PlayedView(
    text,
    '',
    EditorState.changeFilter.of((transaction) => transaction.isUserEvent('input')),
  )
  await settle()
  other([{ type: 'insert', offset: 0, values: 'abc' }])
  expect(view.shown).toBe('abc')
  const told = vi.spyOn(console, 'error').mockImplementation(() => {})
  view.onError = () => {
    throw new Error('of the page')
  }
  view.type(0, 0, '\ud800')
  await settle()
  expect([view.shown, told.mock.calls.length]).toEqual(['abc', 1])
  told.mockRestore()
})

test('[M11] two editors of one text, and others, type at random and show the same', async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = new SeededRandom(seed)
    const { text, other } = live()
    const views = [new PlayedView(text), new PlayedView(text)] as const
    await settle()
    for (let step = 0; step < 60; step++) {
      const { length } = text
      const offset = random.below(length + 1)
      const removed = Math.min(length - offset, random.below(3))
      if (random.chance(0.3)) other([{ type: 'insert', offset, values: random.pick(['x', '\n', '\r\n', 'yz']) }])
      else if (random.chance(0.1)) undo({ state: views[0].state, dispatch: (transaction) => views[0].dispatch(transaction) })
      else random.pick(views).type(offset, removed, random.pick(['', 'a', 'b\nc', 'd\r']))
      if (random.chance(0.3)) await settle()
    }
    await settle()
    expect(views.map(({ shown }) => shown)).toEqual([text.value, text.value])
    expect(views.flatMap(({ errors }) => errors)).toEqual([])
  }
})
