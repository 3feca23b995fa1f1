/** The live conversation, frame by frame, without the platform: who is told what, and who is told nothing any more. */
import { describe, expect, test } from 'vitest'
import { LiveRig, type PlainSession } from '../support/live-rig.ts'
import { draft, submission } from '../support/tape-state.ts'

function publish(ref: number, counters: readonly number[], more: object = {}): object {
  return { type: 'publish', ref, client: 'a', drafts: counters.map((counter) => draft(counter)), ...more }
}

const tooLate = { code: 4401, reason: 'token-expired' }

describe('the first frames', () => {
  test('[L1] welcome says the epoch, the end of the tape and how long the token is good for', () => {
    const rig = new LiveRig()
    expect(rig.open({ expiresAt: 61_000 }).take()).toEqual([{ type: 'welcome', epoch: null, latestSeq: -1, expiresInMs: 60_000 }])
  })

  test('[L1] the slice after `after` follows at once, and `follows` says what it covers', () => {
    const rig = new LiveRig()
    rig.rig.commit(
      submission(
        'a',
        [1, 2, 3, 4].map((counter) => draft(counter)),
      ),
    )
    const [welcome, slice, ...rest] = rig.open({}, { after: 1 }).take()
    expect(welcome).toMatchObject({ type: 'welcome', epoch: 'epoch-1', latestSeq: 3, follows: [[2, 3]] })
    expect(slice).toMatchObject({ type: 'slice', epoch: 'epoch-1', latestSeq: 3, covers: [[2, 3]], events: [{ seq: 2 }, { seq: 3 }] })
    expect([slice && 'ref' in slice, rest]).toEqual([false, []])
    expect(rig.open({}, { after: 1, epoch: 'epoch-1' }).take()).toHaveLength(2)
  })

  test.each<[why: string, resume: { after?: number; epoch?: string }]>([
    ['nothing is after it', { after: 3 }],
    ['it lies beyond the tape', { after: 77 }],
    ['it was not asked for', {}],
    ['the epoch is another one', { after: -1, epoch: 'other' }],
  ])('[L1] no slice follows when %s', (_, resume) => {
    const rig = new LiveRig()
    rig.rig.commit(
      submission(
        'a',
        [1, 2, 3, 4].map((counter) => draft(counter)),
      ),
    )
    const frames = rig.open({}, resume).take()
    expect(frames).toMatchObject([{ type: 'welcome', epoch: 'epoch-1', latestSeq: 3 }])
    expect(frames[0]).not.toHaveProperty('follows')
  })

  test('[L1] at most 1,000 events follow', () => {
    const rig = new LiveRig()
    rig.rig.commit(
      submission(
        'a',
        Array.from({ length: 1001 }, (_, i) => draft(i + 1)),
      ),
    )
    expect(rig.open({}, { after: -1 }).take()).toHaveLength(1)
    expect(rig.open({}, { after: 0 }).take()).toMatchObject([{ follows: [[1, 1000]] }, { covers: [[1, 1000]] }])
  })

  test('[L1] at most 256 KiB follow', () => {
    const rig = new LiveRig()
    rig.rig.commit(
      submission(
        'a',
        [1, 2].map((counter) => draft(counter, { values: { text: 'x'.repeat(140_000) } })),
      ),
    )
    rig.rig.commit(
      submission(
        'a',
        [3].map((counter) => draft(counter, { values: { text: 'x'.repeat(140_000) } })),
      ),
    )
    expect(rig.open({}, { after: -1 }).take()).toHaveLength(1)
    expect(rig.open({}, { after: 0 }).take()).toHaveLength(1)
    expect(rig.open({}, { after: 1 }).take()).toMatchObject([{ follows: [[2, 2]] }, { covers: [[2, 2]] }])
  })
})

describe('publishing', () => {
  test('[L2][P7] every event goes to every socket in the slice of its row, the publisher’s too, and nothing else does', async () => {
    const rig = new LiveRig()
    const [one, two] = [rig.open(), rig.open({ mayPublish: false })]
    for (const session of [one, two]) session.take()
    const told = await rig.say(one, publish(1, [1, 2]))
    expect(told).toMatchObject([
      {
        type: 'slice',
        covers: [[0, 1]],
        latestSeq: 1,
        events: [
          { seq: 0, counter: 1 },
          { seq: 1, counter: 2 },
        ],
      },
    ])
    expect(two.take()).toEqual(told)
  })

  test('[L3] nothing but duplicates is answered by an empty slice to the sender alone', async () => {
    const rig = new LiveRig()
    const [one, two] = [rig.open(), rig.open()]
    await rig.say(one, publish(1, [1, 2]))
    two.take()
    expect(await rig.say(one, publish(7, [1, 2]))).toEqual([
      { type: 'slice', ref: 7, epoch: 'epoch-1', latestSeq: 1, mark: rig.rig.core.mark, covers: [], events: [] },
    ])
    expect(two.take()).toEqual([])
  })

  test('[L5] a refusal goes to the sender alone, with its ref, and nothing has changed', async () => {
    const rig = new LiveRig()
    const [one, two] = [rig.open(), rig.open()]
    for (const session of [one, two]) session.take()
    expect(await rig.say(one, publish(9, [2]))).toMatchObject([
      { type: 'refused', ref: 9, code: 'counter-skipped', expected: 1, counter: 2 },
    ])
    expect(await rig.say(one, publish(10, [1], { epoch: 'other' }))).toMatchObject([
      { type: 'refused', ref: 10, code: 'wrong-epoch', epoch: null },
    ])
    expect([two.take(), rig.rig.core.state, one.ended]).toEqual([[], { epoch: null, latestSeq: -1 }, undefined])
  })

  test('[A1] a token that may not publish may not whisper either, and closes nobody’s socket by trying', async () => {
    const rig = new LiveRig()
    const [owner, reader] = [rig.open(), rig.open({ mayPublish: false })]
    await rig.say(owner, publish(1, [1]))
    for (const session of [owner, reader]) session.take()
    expect(await rig.say(reader, publish(3, [2]))).toMatchObject([{ type: 'refused', ref: 3, code: 'forbidden' }])
    expect(await rig.say(reader, { type: 'whisper', client: 'a', data: 1 })).toMatchObject([{ type: 'refused', code: 'forbidden' }])
    expect([owner.take(), owner.ended, rig.rig.core.state.latestSeq]).toEqual([[], undefined, 0])
  })
})

describe('one socket for a client', () => {
  test('[L8] the first publish on a newer socket closes the older one, whose frames are not read any more', async () => {
    const rig = new LiveRig()
    const [older, newer, other] = [rig.open(), rig.open(), rig.open()]
    await rig.say(older, publish(1, [1]))
    await rig.say(other, { ...publish(1, [1]), client: 'b' })
    expect(older.ended).toBeUndefined()
    await rig.say(newer, publish(1, [2]))
    expect([older.ended, newer.ended, other.ended]).toEqual([{ code: 4409, reason: 'superseded' }, undefined, undefined])
    older.take()
    expect(await rig.say(older, publish(2, [3]))).toEqual([])
    expect(rig.rig.core.state.latestSeq).toBe(2)
    await rig.say(newer, publish(2, [3]))
    expect([newer.ended, rig.rig.core.state.latestSeq]).toEqual([undefined, 3])
  })

  test('[L8] a late publish on an older socket closes that one, and is not taken', async () => {
    const rig = new LiveRig()
    const [older, newer] = [rig.open(), rig.open()]
    await rig.say(newer, publish(1, [1]))
    older.take()
    expect(await rig.say(older, publish(1, [2]))).toEqual([])
    expect([older.ended, newer.ended, rig.rig.core.state.latestSeq]).toEqual([{ code: 4409, reason: 'superseded' }, undefined, 0])
  })

  test('[L8] listening beside it does not, and neither does another sub that claims the id', async () => {
    const rig = new LiveRig()
    const [owner, listener, thief] = [rig.open(), rig.open(), rig.open({ sub: 'user-2' })]
    await rig.say(owner, publish(1, [1]))
    await rig.say(listener, { type: 'fetch', ref: 1, seq: [[0, 0]] })
    await rig.say(listener, { type: 'whisper', client: 'a', data: 1 })
    thief.take()
    expect(await rig.say(thief, publish(4, [2]))).toMatchObject(
      [{ type: 'whisper' }, { type: 'refused', ref: 4, code: 'client-taken' }].slice(1),
    )
    expect(owner.ended).toBeUndefined()
  })

  test('[L8] what the older one had already sent in the same turn is taken first', async () => {
    const rig = new LiveRig()
    const [older, newer] = [rig.open(), rig.open()]
    await rig.live.receive(older, JSON.stringify(publish(1, [1])))
    await rig.live.receive(newer, JSON.stringify(publish(1, [1, 2])))
    rig.rig.endTurn()
    expect(rig.rig.events()).toMatchObject([{ counter: 1 }, { counter: 2 }])
    expect(older.ended).toEqual({ code: 4409, reason: 'superseded' })
  })
})

describe('whispers', () => {
  test('[L6] go to every other socket and nowhere else', async () => {
    const rig = new LiveRig()
    const sessions = [rig.open(), rig.open(), rig.open({ mayPublish: false })] as const
    for (const session of sessions) session.take()
    expect(await rig.say(sessions[0], { type: 'whisper', client: 'a', data: { x: [1] } })).toEqual([])
    for (const session of sessions.slice(1)) expect(session.take()).toEqual([{ type: 'whisper', client: 'a', data: { x: [1] } }])
    expect(rig.rig.core.state).toEqual({ epoch: null, latestSeq: -1 })
  })

  test('[L6] beyond 30 a second are refused and told to nobody', async () => {
    const rig = new LiveRig()
    const [one, two] = [rig.open(), rig.open()]
    for (const session of [one, two]) session.take()
    for (let i = 0; i < 30; i++) expect(await rig.say(one, { type: 'whisper', client: 'a', data: i })).toEqual([])
    expect(await rig.say(one, { type: 'whisper', client: 'a', data: 30 })).toMatchObject([{ type: 'refused', code: 'too-often' }])
    expect(two.take()).toHaveLength(30)
  })
})

describe('the end of a token', () => {
  const expired = (): { rig: LiveRig; session: PlainSession; other: PlainSession } => {
    const rig = new LiveRig()
    const [session, other] = [rig.open({ expiresAt: 5000 }), rig.open()]
    for (const one of [session, other]) one.take()
    rig.nowMs = 5000
    return { rig, session, other }
  }

  test.each<[what: string, message: unknown]>([
    ['a publish', publish(1, [1])],
    ['a fetch', { type: 'fetch', ref: 1, seq: [[0, 9]] }],
    ['a whisper', { type: 'whisper', client: 'a', data: 1 }],
    ['a frame that is none', '{'],
    ['a frame that is invalid', { type: 'fetch', ref: 1, seq: [] }],
    ['a binary frame', new ArrayBuffer(3)],
    ['a token that is not good', { type: 'token', token: 'bad' }],
  ])('[L7] after it, %s closes the socket with 4401 and has no other effect', async (_, message) => {
    const { rig, session, other } = expired()
    expect(await rig.say(session, message)).toEqual([])
    expect(session.ended).toEqual(tooLate)
    expect([other.take(), rig.rig.core.state.latestSeq, rig.reports]).toEqual([[], -1, []])
    expect(await rig.say(session, publish(2, [1]))).toEqual([])
    expect(rig.rig.core.state.latestSeq).toBe(-1)
  })

  test('[L7] a good token before or after it keeps the socket open', async () => {
    const { rig, session } = expired()
    rig.tokens.set('good', { sub: 'user-1', mayPublish: true, expiresAt: 9000 })
    expect(await rig.say(session, { type: 'token', token: 'good' })).toEqual([{ type: 'token', expiresInMs: 4000 }])
    expect(await rig.say(session, publish(1, [1]))).toMatchObject([{ type: 'slice', covers: [[0, 0]] }])
    rig.nowMs = 9000
    await rig.say(session, publish(2, [2]))
    expect([session.ended, rig.rig.core.state.latestSeq]).toEqual([tooLate, 0])
  })

  test('[L7] a token of another sub is refused, and the old one goes on', async () => {
    const rig = new LiveRig()
    const session = rig.open()
    session.take()
    rig.tokens.set('stranger', { sub: 'user-2', mayPublish: true, expiresAt: 2_000_000 })
    expect(await rig.say(session, { type: 'token', token: 'stranger' })).toMatchObject([{ type: 'refused', code: 'forbidden' }])
    expect(await rig.say(session, { type: 'token', token: 'bad' })).toMatchObject([{ type: 'refused', code: 'token-invalid' }])
    expect([session.sub, session.expiresAt, session.ended]).toEqual(['user-1', 1_000_000, undefined])
  })

  test('[L7] a fresh token’s rights hold from then on', async () => {
    const rig = new LiveRig()
    const session = rig.open({ mayPublish: false })
    rig.tokens.set('more', { sub: 'user-1', mayPublish: true, expiresAt: 2_000_000 })
    rig.tokens.set('less', { sub: 'user-1', mayPublish: false, expiresAt: 3_000_000 })
    await rig.say(session, { type: 'token', token: 'more' })
    expect(await rig.say(session, publish(1, [1]))).toMatchObject([{ type: 'slice' }])
    await rig.say(session, { type: 'token', token: 'less' })
    expect(await rig.say(session, publish(2, [2]))).toMatchObject([{ type: 'refused', ref: 2, code: 'forbidden' }])
  })
})

describe('fetching', () => {
  test('[L4][S2] is answered by one slice with its ref, of at most 1 MB, to the sender alone', async () => {
    const rig = new LiveRig()
    const [one, two] = [rig.open(), rig.open()]
    for (let counter = 1; counter <= 6; counter++) {
      rig.rig.commit(submission('a', [draft(counter, { values: { text: 'x'.repeat(240_000) } })]))
    }
    for (const session of [one, two]) session.take()
    expect(
      await rig.say(one, {
        type: 'fetch',
        ref: 5,
        seq: [
          [4, 9],
          [1, 1],
        ],
      }),
    ).toMatchObject([
      {
        type: 'slice',
        ref: 5,
        latestSeq: 5,
        covers: [
          [1, 1],
          [4, 5],
        ],
        events: [{ seq: 1 }, { seq: 4 }, { seq: 5 }],
      },
    ])
    const [whole] = await rig.say(one, { type: 'fetch', ref: 6, seq: [[0, 9]] })
    expect(whole).toMatchObject({ ref: 6, latestSeq: 5, covers: [[0, 3]] })
    expect(JSON.stringify(whole).length).toBeLessThan(1_048_576)
    expect(await rig.say(one, { type: 'fetch', ref: 7, seq: [[6, 9]] })).toMatchObject([{ ref: 7, covers: [], events: [] }])
    expect(two.take()).toEqual([])
  })
})
