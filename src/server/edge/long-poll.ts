/** Long poll: the plain read at once if it has something, else when it has, or empty after so many seconds. */

import { emptyHeader } from '../answers.ts'
import type { ReadQuery } from '../read-query.ts'
import { listen } from './listening.ts'

type Stream = { fetch(request: Request): Promise<Response> }

export async function answerLongPoll(request: Request, query: ReadQuery, stream: Stream): Promise<Response> {
  const now = await stream.fetch(request.clone())
  if (now.status !== 200 || now.headers.get(emptyHeader) === null) return now
  await untilTapeReaches(query.ranges[0]?.[0] ?? 0, request, { stream, seconds: query.waitSeconds })
  return stream.fetch(request)
}

async function untilTapeReaches(seq: number, request: Request, { stream, seconds }: { stream: Stream; seconds: number }): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, seconds * 1000)
  request.signal.addEventListener('abort', () => resolve())
  const ear = await listen(request, stream, {
    onFrame: (frame) => {
      if ((frame.type === 'welcome' || frame.type === 'slice') && frame.latestSeq >= seq) resolve()
    },
    onClose: () => resolve(),
  })
  if (ear instanceof Response) return clearTimeout(timer)
  await promise
  clearTimeout(timer)
  ear.close()
}
