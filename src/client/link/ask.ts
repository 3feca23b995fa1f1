/** One question to the server over HTTP: with a token, and not for ever. */
import { codeFacts, Refusal } from '../../protocol/index.ts'
import type { ClientParts } from './token-keeper.ts'
import type { Asking } from './transport.ts'
import { within } from './within.ts'

/** A page is a megabyte or two: whoever needs longer for it had better ask again. */
export const readDeadlineMs = 60_000

/** Rejects like what is asked, with a `ReadFailure` also when it takes too long, and like `tokens`. A refused token is forgotten. */
export async function ask<T>(
  { tokens, environment }: ClientParts,
  question: (asking: Asking) => Promise<T>,
  withinMs = readDeadlineMs,
): Promise<T> {
  const token = await tokens.get()
  try {
    return await within(environment, withinMs, question({ token, withinMs }))
  } catch (error) {
    if (error instanceof Refusal && codeFacts(error.code).recovery === 'renew') tokens.forget(token)
    throw error
  }
}
