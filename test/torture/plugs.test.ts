/** A short pull at every plug; `npm run torture` pulls as often as one likes. */
import { expect, test } from 'vitest'
import { pullClientPlug } from './client-kills.ts'
import { pullNetworkPlug } from './cuts.ts'
import { fillDisk } from './disk-full.ts'
import { spendMonthOffline } from './month-offline.ts'
import { pullServerPlug } from './server-kills.ts'

const progress = () => {}
/** Seconds on a machine with two cores of its own; this is for one that is shared. */
const timeout = 120_000

test('[P7] killing the server at any moment loses, repeats and turns around nothing that anybody was told', { timeout }, async () => {
  const { violations } = await pullServerPlug({ count: 50, seed: 1, progress })
  expect(violations).toEqual([])
})

test('[C4] a network that cuts, stalls, drips and delivers late loses, repeats and turns around nothing', { timeout }, async () => {
  const { violations } = await pullNetworkPlug({ count: 500, seed: 1, progress })
  expect(violations).toEqual([])
})

test('[C9] killing a client at any moment loses nothing that its store had saved, and repeats nothing', { timeout }, async () => {
  const { violations } = await pullClientPlug({ count: 50, seed: 1, progress })
  expect(violations).toEqual([])
})

test('[C4] what was made in a month offline comes onto the tape through ten cuts, once and in order', { timeout }, async () => {
  const { violations } = await spendMonthOffline({ drafts: 1000, cuts: 10, seed: 1, progress })
  expect(violations).toEqual([])
})

test('[T4] a full disk refuses what does not fit, keeps what was taken, and goes on when there is room', { timeout }, async (context) => {
  const { summary, violations } = await fillDisk({ seed: 1, progress })
  if (summary.startsWith('skipped')) context.skip(summary)
  expect(violations).toEqual([])
})
