/** Runs histories on modules, stores or tapes that are broken on purpose, until one of them is seen to be. */
import { vi } from 'vitest'
import type { OutboxEntry } from '../../src/client/index.ts'
import { type HistoryOptions, runHistory } from './history.ts'

/** Histories within which a planted bug has to be found, where its test does not say less. */
const budget = 300

/** The first violation that histories run into on freshly loaded, broken modules. */
export async function firstViolation(
  histories = budget,
  options: Pick<HistoryOptions, 'isPlain' | 'isSetBack'> = {},
): Promise<string | undefined> {
  vi.resetModules()
  return firstViolationWith(options, { run: (await import('./history.ts')).runHistory, histories })
}

/** The first violation that histories run into on a broken store or tape. */
export async function firstViolationWith(
  options: Omit<HistoryOptions, 'seed' | 'steps'>,
  { run = runHistory, histories = budget } = {},
): Promise<string | undefined> {
  for (let seed = 1; seed <= histories; seed++) {
    try {
      await run({ seed, steps: 100, ...options })
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
  return undefined
}

type OutboxModule = typeof import('../../src/client/outbox/outbox.ts')

/** Puts another outbox in the place of the real one. */
export function plantOutbox(plant: (Real: OutboxModule['Outbox']) => OutboxModule['Outbox']): void {
  vi.doMock('../../src/client/outbox/outbox.ts', async (original) => ({ Outbox: plant((await original<OutboxModule>()).Outbox) }))
}

/** An entry of an outbox, without its locks. */
export type Loose = { -readonly [Member in 'counter' | 'draft']: OutboxEntry[Member] }
