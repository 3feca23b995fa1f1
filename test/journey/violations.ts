/** What axe knows of a page that violates the accessibility guidelines. */
import axe, { type RunOptions } from 'axe-core'
import type { BrowserContextOptions, Page } from 'playwright-core'

/** The screens that pages are looked at on. A person who asked for less motion sees no colour half way. */
export const screens: readonly (readonly [string, BrowserContextOptions & { readonly viewport: { readonly width: number } }])[] = [
  ['desktop', { viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' }],
  ['phone', { viewport: { width: 360, height: 740 }, hasTouch: true, reducedMotion: 'reduce' }],
]

/** What is wrong, where, and why, in one line each: in the light, and of the colours in the dark, which changes nothing else. */
export async function violations(page: Page): Promise<readonly string[]> {
  // Once for each document: it is large.
  if (await page.evaluate(() => !('axe' in globalThis))) await page.evaluate(axe.source)
  await page.emulateMedia({ colorScheme: 'light' })
  const inTheLight = await found(page, {})
  await page.emulateMedia({ colorScheme: 'dark' })
  return [...inTheLight, ...(await found(page, { runOnly: ['color-contrast', 'link-in-text-block'] }))]
}

async function found(page: Page, options: RunOptions): Promise<readonly string[]> {
  const { violations } = await page.evaluate((asked) => (globalThis as unknown as { axe: typeof axe }).axe.run(document, asked), options)
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, any }) => `${id}: ${help} ${target.join(' ')} ${any[0]?.message ?? ''}`),
  )
}
