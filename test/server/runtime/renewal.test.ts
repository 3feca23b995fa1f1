import { afterEach, expect, test, vi } from 'vitest'
import { insert, LiveSocket, publish } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('[L7] a renewed token holds as long as it says, no longer than the one before it', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const socket = await LiveSocket.open('renewal-1', { token: await testToken({ may: ['read'], expiresInSeconds: 86_400 }) })
  expect(await socket.next()).toMatchObject({ type: 'welcome' })
  socket.send({ type: 'token', token: await testToken({ expiresInSeconds: 60 }) })
  expect(await socket.next()).toEqual({ type: 'token', expiresInMs: expect.any(Number) })
  vi.setSystemTime(Date.now() + 61_000)
  await (await publish('renewal-1', { client: 'b', drafts: [insert(1)] })).text()
  expect(await socket.closed).toMatchObject({ code: 4401 })
})
