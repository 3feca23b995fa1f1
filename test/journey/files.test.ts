/** The shared folder: files dropped on one device, changed, and downloaded on another; both kept when two change one. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { eventually, Site } from './site.ts'

const site = Site.use()

async function open(stream: string) {
  const visit = await site.visit(`/files/?stream=${stream}`)
  await eventually(() => visit.badge()).toBe('online')
  return visit
}

const rowOf = (page: Page, path: string) => page.locator('.file', { has: page.getByText(path, { exact: true }) })
const pathsOf = (page: Page) => page.locator('.file-path').allTextContents()
const receiptOf = (page: Page) => page.locator('.receipts-list li').first().textContent()

async function choose(page: Page, name: string, content: string | Buffer): Promise<void> {
  await page.getByLabel('Choose files').setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(content) })
}

async function download(page: Page, path: string): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent('download'), rowOf(page, path).getByRole('button', { name: 'Download' }).click()])
  return await readFile(await download.path())
}

async function answer(page: Page, path: string, button: string, text: string): Promise<void> {
  await rowOf(page, path).getByRole('button', { name: button }).click()
  const field = page.locator('.editor-field')
  await field.fill(text)
  await page.getByRole('button', { name: 'Save' }).click()
}

test('[M12] files come to another device with the same hash, and a changed line takes few bytes', async () => {
  const stream = site.newStream()
  const [anna, ben] = [await open(stream), await open(stream)]
  await anna.page.getByRole('button', { name: 'Add a sample of 1 MB' }).click()
  await eventually(() => pathsOf(ben.page)).toEqual(['sample.txt'])
  await eventually(() => rowOf(ben.page, 'sample.txt').locator('.file-hash').count()).toBe(1)
  const sample = await download(ben.page, 'sample.txt')
  const hash = createHash('sha256').update(sample).digest('hex')
  expect(await rowOf(anna.page, 'sample.txt').locator('.file-hash').textContent()).toBe(hash)
  const changed = sample.toString().replace('window reads', 'WINDOW READS')
  await choose(ben.page, 'sample.txt', changed)
  expect(await receiptOf(ben.page)).toMatch(/^sample\.txt 2\d\d B for a file of 1\.\d MB: copying takes \d,\d{3} times as much$/)
  await eventually(() => rowOf(anna.page, 'sample.txt').locator('.file-hash').textContent()).toBe(
    createHash('sha256').update(changed).digest('hex'),
  )
  expect((await download(anna.page, 'sample.txt')).toString()).toBe(changed)
})

test('[M12] files are edited, renamed and deleted, and bad paths explained', async () => {
  const stream = site.newStream()
  const [anna, ben] = [await open(stream), await open(stream)]
  await choose(anna.page, 'notes.txt', 'one\n')
  await answer(anna.page, 'notes.txt', 'Edit', 'one\ntwo\n')
  await answer(anna.page, 'notes.txt', 'Rename', 'texts/notes.txt')
  await eventually(() => pathsOf(ben.page)).toEqual(['texts/notes.txt'])
  expect((await download(ben.page, 'texts/notes.txt')).toString()).toBe('one\ntwo\n')
  await answer(ben.page, 'texts/notes.txt', 'Rename', '../escape')
  expect(await receiptOf(ben.page)).toContain('It has the name .., which leads elsewhere.')
  await choose(ben.page, 'blob', Buffer.from([0xff, 0xfe, 0xfd]))
  await rowOf(ben.page, 'blob').getByRole('button', { name: 'Edit' }).click()
  expect(await receiptOf(ben.page)).toContain('is not a text')
  await rowOf(ben.page, 'texts/notes.txt').getByRole('button', { name: 'Delete' }).click()
  await eventually(() => pathsOf(anna.page)).toEqual(['blob'])
})

test('[M12] a folder is taken with its paths, one that was dropped, too', async () => {
  const stream = site.newStream()
  const [anna, ben] = [await open(stream), await open(stream)]
  const folder = await mkdtemp(join(tmpdir(), 'tapeline-files-'))
  await mkdir(join(folder, 'trip/day one'), { recursive: true })
  await writeFile(join(folder, 'trip/day one/notes.txt'), 'walked')
  await writeFile(join(folder, 'trip/list.txt'), 'shoes')
  await anna.page.getByLabel('Choose a folder').setInputFiles(join(folder, 'trip'))
  await eventually(() => pathsOf(ben.page)).toEqual(['trip/day one/notes.txt', 'trip/list.txt'])
  await rm(folder, { recursive: true })
  await ben.page.evaluate(() => {
    const data = new DataTransfer()
    data.items.add(new File(['dropped'], 'dropped.txt'))
    document.querySelector('#drop')?.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))
  })
  await eventually(() => pathsOf(anna.page)).toContain('dropped.txt')
})

test('[M12] what two change at once is kept side by side, and both are told apart', async () => {
  const stream = site.newStream()
  const [anna, ben] = [await open(stream), await open(stream)]
  await choose(anna.page, 'both.txt', 'old\n')
  await eventually(() => rowOf(ben.page, 'both.txt').locator('.file-hash').count()).toBe(1)
  await ben.page.getByRole('switch', { name: 'Work offline' }).click()
  await answer(ben.page, 'both.txt', 'Edit', 'from ben\n')
  await answer(anna.page, 'both.txt', 'Edit', 'from anna\n')
  await eventually(() => rowOf(anna.page, 'both.txt').getByText('not on the tape yet').count()).toBe(0)
  await ben.page.getByRole('switch', { name: 'Work offline' }).click()
  await eventually(() => pathsOf(anna.page)).toEqual(['both (2).txt', 'both.txt'])
  expect(await receiptOf(ben.page)).toContain('Yours is kept as both (2).txt')
  await eventually(() => ben.page.locator('#refused li').count()).toBe(0)
  expect((await download(anna.page, 'both.txt')).toString()).toBe('from anna\n')
  expect((await download(anna.page, 'both (2).txt')).toString()).toBe('from ben\n')
})
