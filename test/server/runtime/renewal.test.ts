import { afterEach, expect, test, vi } from 'vitest'
import { call, insert, LiveSocket, publish } from '../../support/live.ts'
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

test('[L7][R1] a socket whose token has expired is not told of a new epoch either', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const admin = await testToken({ may: ['read', 'publish', 'admin'], expiresInSeconds: 3600 })
  await (await publish('renewal-2', { client: 'b', drafts: [insert(1)] }, admin)).text()
  const expired = await LiveSocket.open('renewal-2', { token: await testToken({ expiresInSeconds: 60 }) })
  const good = await LiveSocket.open('renewal-2', { token: admin })
  for (const socket of [expired, good]) expect(await socket.next()).toMatchObject({ type: 'welcome' })
  vi.setSystemTime(Date.now() + 61_000)
  const body = JSON.stringify({ seq: [[0, 0]], reason: 'A complaint.' })
  await (await call('/v1/streams/renewal-2/redactions', { method: 'POST', body, token: admin })).text()
  expect(await good.next()).toMatchObject({ type: 'slice', covers: [] })
  expect([await good.closed, await expired.closed]).toMatchObject([{ code: 4412 }, { code: 4401 }])
  expect(expired.unread).toEqual([])
})
