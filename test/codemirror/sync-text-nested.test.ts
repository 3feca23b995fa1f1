/** What a page does to the text or the editor while an editor is being told what others wrote. */

import { StateField } from '@codemirror/state'
import { expect, test } from 'vitest'
import { Text } from '../../src/models/index.ts'
import { live, PlayedView, rest, settle } from './played-view.ts'

/** In the middle of an update the view takes nothing, right after it anything. */
const moments = ['onUpdate', 'onUpdated'] as const

/** Does it at the next `times` updates. */
function at(view: PlayedView, moment: (typeof moments)[number], run: () => void, times = 1): void {
  let left = times
  view[moment] = () => {
    if (left-- > 0) run()
  }
}

const insert = (offset: number, values: string) => [{ type: 'insert', offset, values }] as const

test.each(moments)(
  '[M11] the page changes the text while that of others shows, and somebody types before all of it does (%s)',
  async (moment) => {
    const { text, other } = live()
    const view = new PlayedView(text)
    await settle()
    view.type(0, 0, 'abc')
    at(view, moment, () => text.splice(0, 0, '# '))
    other(insert(0, 'X'))
    expect(text.value).toBe('# Xabc')
    view.type(view.shown.length, 0, '!')
    expect(text.value).toBe('# Xabc!')
    await settle()
    expect([view.shown, text.value, view.errors]).toEqual(['# Xabc!', '# Xabc!', []])
  },
)

test.each(moments)('[M11] the page changes the text while the editor shows it for the first time (%s)', async (moment) => {
  const { text } = live()
  text.splice(0, 0, 'abc')
  const view = new PlayedView(text, '')
  at(view, moment, () => text.splice(3, 0, 'd'))
  await rest()
  expect([view.shown, text.value, view.errors]).toEqual(['abcd', 'abcd', []])
})

test.each(moments)(
  '[M11] the page changes the text several times while that of others shows, and again when that does, and is told of no error (%s)',
  async (moment) => {
    const { text, other } = live()
    const view = new PlayedView(text)
    await settle()
    let count = 0
    const twice = () => {
      text.splice(0, 0, `<${++count}>`)
      text.splice(text.length, 0, `(${count})`)
    }
    at(view, moment, twice, 3)
    other(insert(0, 'one'))
    await rest()
    at(view, moment, twice, 3)
    view.type(view.shown.indexOf('one'), 3, 'two')
    await rest()
    expect(count).toBe(6)
    expect(text.value).toMatch(/^(<\d>){6}two(\(\d\)){6}$/)
    expect([view.shown, view.errors]).toEqual([text.value, []])
  },
)

test('[M11] the page changes the editor as soon as it shows what others wrote', async () => {
  const { text, other } = live()
  const view = new PlayedView(text)
  await settle()
  view.type(0, 0, 'say ')
  at(view, 'onUpdated', () => view.type(4, 2, 'HI'))
  other(insert(4, 'hi there'))
  expect([view.shown, text.value]).toEqual(['say HI there', 'say HI there'])
  await rest()
  expect([view.shown, text.value, view.errors]).toEqual(['say HI there', 'say HI there', []])
})

test('[M11] who answers before the editor is told does not confuse it either when the page has changed the text before', async () => {
  const { text, other } = live()
  text.subscribe(() => {
    if (text.value.startsWith('a')) text.splice(0, 1, 'bc')
  })
  const view = new PlayedView(text)
  await settle()
  at(view, 'onUpdated', () => text.splice(0, 0, '# '))
  other(insert(0, 'xyz'))
  await rest()
  other(insert(0, 'a'))
  await rest()
  expect([view.shown, text.value, view.errors]).toEqual(['bc# xyz', 'bc# xyz', []])
})

test('[M11] a text that is held back while the editor is told that it is ready can be written in when it is ready again', async () => {
  const text = new Text('notes')
  const view = new PlayedView(text)
  await settle()
  at(view, 'onUpdated', () => text.apply([], [], { client: 'me', holes: [], isHeldBack: true }))
  text.apply([], [], { client: 'me', holes: [] })
  await rest()
  expect([text.isReady, view.state.readOnly]).toEqual([false, true])
  text.apply([], [], { client: 'me', holes: [] })
  await rest()
  expect([text.isReady, view.state.readOnly]).toEqual([true, false])
})

test('[M11] what the editor cannot show is told once, and shows with what comes next', async () => {
  const { text, other } = live()
  let isFailing = false
  const failing = StateField.define({
    create: () => 0,
    update: (value) => {
      if (isFailing) throw new Error('of the page')
      return value
    },
  })
  const view = new PlayedView(text, '', failing)
  await settle()
  view.type(0, 0, 'abc')
  isFailing = true
  other(insert(1, 'x'))
  other(insert(3, 'y'))
  await rest()
  expect([view.shown, text.value]).toEqual(['abc', 'axbyc'])
  expect(view.errors.map(String)).toEqual(['Error: of the page'])
  isFailing = false
  view.type(3, 0, '!')
  other(insert(0, '> '))
  await rest()
  expect([view.shown, text.value, view.errors.length]).toEqual(['> axbyc!', '> axbyc!', 1])
})
