/** Editors of CodeMirror in a real browser, tied to one text: what is typed on a keyboard, undone, and shown of others. */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser } from '../support/browser.ts'

/** Two editors, and a tape that takes everything at once. */
const pageScript = `
  import { history, historyKeymap, defaultKeymap } from '@codemirror/commands'
  import { EditorView, keymap, ViewPlugin } from '@codemirror/view'
  import { remoteCursors, showRemoteCursors, syncText } from './src/codemirror/index.ts'
  import { Text } from './src/models/index.ts'
  const text = new Text('notes')
  let seq = 0
  const put = (client, change) =>
    text.apply([{ seq, client, counter: seq + 1, seen: seq++ - 1, ...change }], [], { client: 'me', holes: [] })
  text.receiver = { didCreateDraft: (change) => put('me', change) }
  text.apply([], [], { client: 'me', holes: [] })
  // What the page does once, in the middle of an update and right after it.
  globalThis.once = {}
  const run = (moment) => {
    const what = once[moment]
    delete once[moment]
    what?.()
  }
  const habits = [ViewPlugin.define(() => ({ update: () => run('during') })), EditorView.updateListener.of(() => run('after'))]
  const make = (label) => new EditorView({
    parent: document.body,
    extensions: [history(), keymap.of([...defaultKeymap, ...historyKeymap]), EditorView.contentAttributes.of({ 'aria-label': label }), habits, syncText(text), remoteCursors()],
  })
  globalThis.editors = [make('first'), make('second')]
  globalThis.text = text
  globalThis.others = (offset, values) =>
    put('other', { type: 'update', collection: 'notes', identifier: 'text', deltas: { text: [{ type: 'insert', offset, values }] } })
  globalThis.showAt = (from, to) => editors[0].dispatch(showRemoteCursors([{ name: 'Ben', color: 'red', from, to }]))`

let browser: Browser
let page: Page
const offences: string[] = []

beforeAll(async () => {
  const stdin = { contents: pageScript, resolveDir: fileURLToPath(new URL('../..', import.meta.url)) }
  const { outputFiles } = await build({ stdin, bundle: true, format: 'esm', target: 'es2024', write: false })
  browser = await launchBrowser()
  page = await browser.newPage()
  page.on('pageerror', (error) => offences.push(error.message))
  page.on('console', (message) => message.type() === 'error' && offences.push(message.text()))
  await page.setContent('<!doctype html>')
  await page.addScriptTag({ content: outputFiles[0]?.text ?? '', type: 'module' })
  await page.waitForFunction('globalThis.showAt !== undefined')
})
afterAll(() => browser.close())

const textOf = () => page.evaluate<string>('text.value')
const shownIn = (index: number) => page.evaluate<string>(`editors[${index}].state.doc.toString()`)

test('[M11] two editors of one page, and somebody else, write in one text', async () => {
  await page.getByLabel('first').click()
  await page.keyboard.type('Hello')
  await page.evaluate('others(0, ">> ")')
  await page.keyboard.type(' world')
  await page.getByLabel('second').click()
  await page.keyboard.press('Control+End')
  await page.keyboard.press('Enter')
  await page.keyboard.type('bye')
  const expected = '>> Hello world\nbye'
  expect([await textOf(), await shownIn(0), await shownIn(1)]).toEqual([expected, expected, expected])
  await page.keyboard.press('Control+z')
  await page.getByLabel('first').click()
  await page.keyboard.press('Control+z')
  // Neither takes back what the other did.
  expect((await textOf()).startsWith('>> ')).toBe(true)
  expect(await shownIn(0)).toBe(await shownIn(1))
  expect(offences).toEqual([])
})

test.each(['during', 'after'])('[M11] the page changes the text %s the update that shows what others wrote', async (moment) => {
  await page.evaluate(`
    text.set('abc')
    once.${moment} = () => {
      text.splice(0, 0, '# ')
      text.splice(text.length, 0, '.')
    }
    others(0, 'X')
    editors[0].dispatch({ changes: { from: editors[0].state.doc.toString().indexOf('bc'), insert: '!' } })`)
  expect([await textOf(), await shownIn(0), await shownIn(1)]).toEqual(Array(3).fill('# Xa!bc.'))
  expect(offences).toEqual([])
})

test('[M11] where others are shows with their name, and moves with the text', async () => {
  await page.evaluate('text.set("some words"); showAt(0, 4)')
  const caret = page.getByRole('img', { name: 'Ben is here' })
  const before = await caret.boundingBox()
  await page.evaluate('others(0, "and then ")')
  const after = await caret.boundingBox()
  expect(after?.x).toBeGreaterThan(before?.x ?? Number.POSITIVE_INFINITY)
  await page.evaluate('showAt(500, -3)')
  expect(await caret.count()).toBe(1)
  expect(offences).toEqual([])
})
