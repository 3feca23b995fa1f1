/** A short pull at the browser's plug; `npm run torture -- --browser-kills 500` pulls longer. */
import { expect, test } from 'vitest'
import { pullBrowserPlug } from '../torture/browser-kills.ts'

test('[C9] killing the browser at any moment loses nothing that IndexedDB had saved, and repeats nothing', async () => {
  const { violations } = await pullBrowserPlug({ count: 5, seed: 1, progress: () => {} })
  expect(violations).toEqual([])
})
