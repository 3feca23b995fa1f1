import { describe, expect, test } from 'vitest'
import { call, insert, LiveSocket, publish } from '../../support/live.ts'

describe('publishing', () => {
  test('numbers events from 0', async () => {
    const socket = await LiveSocket.open('pub-1', { query: '?after=-1' })
    expect(await socket.next()).toMatchObject({ type: 'welcome', epoch: null, latestSeq: -1 })
    const answer = await publish('pub-1', { client: 'a', drafts: [insert(1), insert(2)] })
    expect(await answer.json()).toMatchObject({ seqs: [[0, 1]], duplicates: 0, latestSeq: 1 })
    expect(await socket.next()).toMatchObject({ type: 'slice', covers: [[0, 1]], latestSeq: 1 })
    expect(await (await call('/v1/streams/pub-1/events?seq=1-')).json()).toMatchObject({
      covers: [[1, 1]],
      events: [{ seq: 1, client: 'a', counter: 2 }],
    })
    expect(await (await call('/v1/streams/pub-1')).json()).toMatchObject({ latestSeq: 1 })
  })
})
