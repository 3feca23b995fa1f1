/** Sockets that say when they are opened who will publish on them: what they are told, and what becomes of older ones. */
import { describe, expect, test, vi } from 'vitest'
import type { WelcomeFrame } from '../../src/protocol/frames.ts'
import type { Opening, Rights } from '../../src/server/object/live.ts'
import { LiveRig, PlainSession } from '../support/live-rig.ts'
import { draft, submission } from '../support/tape-state.ts'

const superseded = { code: 4409, reason: 'superseded' }

function publish(ref: number, counters: readonly number[], client = 'a'): object {
  return { type: 'publish', ref, client, drafts: counters.map((counter) => draft(counter)) }
}

/** Opens sockets as the object does: each hears of others only when it has been welcomed. */
class OpeningRig extends LiveRig {
  join(opening: Partial<Opening> = {}, rights: Partial<Rights> = {}): PlainSession {
    return this.welcome(new PlainSession(this.sessions.size, rights), opening)
  }

  welcome(session: PlainSession, opening: Partial<Opening>): PlainSession {
    this.live.open(session, { after: undefined, epoch: undefined, ...opening })
    this.sessions.add(session)
    this.rig.listeners.add(session)
    return session
  }

  /** A frame that has been read, in a turn that has not ended. */
  submit(session: PlainSession, frame: object): void {
    void this.live.receive(session, JSON.stringify(frame))
  }

  get latestSeq(): number {
    return this.rig.core.state.latestSeq
  }
}

function welcomeOf(session: PlainSession): WelcomeFrame {
  const [frame] = session.take()
  if (frame?.type !== 'welcome') throw new Error(`The first frame is ${frame?.type}.`)
  return frame
}

describe('the counter in the welcome', () => {
  test('[L1] is 0 for a client that has published nothing, else the last one taken, over whichever door', async () => {
    const rig = new OpeningRig()
    expect(welcomeOf(rig.join({ client: 'a' }))).toEqual({
      type: 'welcome',
      epoch: null,
      latestSeq: -1,
      expiresInMs: expect.any(Number),
      counter: 0,
    })
    await rig.say(rig.join(), publish(1, [1, 2]))
    expect(welcomeOf(rig.join({ client: 'a' })).counter).toBe(2)
    rig.rig.commit(submission('a', [draft(3)]))
    expect(welcomeOf(rig.join({ client: 'a', after: 1 }))).toMatchObject({ counter: 3, follows: [[2, 2]] })
    expect(welcomeOf(rig.join({ client: 'b' })).counter).toBe(0)
    expect(welcomeOf(rig.join())).not.toHaveProperty('counter')
  })

  test('[L1][T1] is found in storage for a client that the ledger has retired', () => {
    const rig = new OpeningRig()
    rig.rig.storage.append({ rows: [], retired: [['old', { counter: 9, sub: 'user-1' }]], newEpoch: 'epoch-1' })
    const session = rig.join({ client: 'old' })
    expect([welcomeOf(session).counter, session.client]).toEqual([9, 'old'])
    const other = rig.join({ client: 'old' }, { sub: 'user-2' })
    expect(welcomeOf(other)).not.toHaveProperty('counter')
    expect(other.client).toBeUndefined()
  })

  test('[L1][A1] is not there for a token that may not publish, which closes nobody', async () => {
    const rig = new OpeningRig()
    const owner = rig.join({ client: 'a' })
    await rig.say(owner, publish(1, [1]))
    const reader = rig.join({ client: 'a' }, { mayPublish: false })
    expect(welcomeOf(reader)).not.toHaveProperty('counter')
    expect([owner.ended, reader.client]).toEqual([undefined, undefined])
    expect(await rig.say(reader, publish(1, [2]))).toMatchObject([{ type: 'refused', code: 'forbidden' }])
  })

  test('[L1][P5] is not there for another sub’s client, which is closed nowhere and refused as ever', async () => {
    const rig = new OpeningRig()
    const owner = rig.join({ client: 'a' })
    await rig.say(owner, publish(1, [1]))
    const thief = rig.join({ client: 'a' }, { sub: 'user-2' })
    expect(welcomeOf(thief)).not.toHaveProperty('counter')
    expect([owner.ended, thief.client]).toEqual([undefined, undefined])
    expect(await rig.say(thief, publish(1, [2]))).toMatchObject([{ type: 'refused', code: 'client-taken' }])
    await rig.say(owner, publish(2, [2]))
    expect([owner.ended, rig.latestSeq]).toEqual([undefined, 1])
  })

  test('[L1][P5] is 0 for each of two subs that open as a client that nobody has; the first to publish has it', async () => {
    const rig = new OpeningRig()
    const [one, two] = [rig.join({ client: 'a' }), rig.join({ client: 'a' }, { sub: 'user-2' })]
    expect([welcomeOf(one).counter, welcomeOf(two).counter]).toEqual([0, 0])
    await rig.say(two, publish(1, [1]))
    one.take()
    expect(await rig.say(one, publish(1, [1]))).toMatchObject([{ type: 'refused', code: 'client-taken' }])
    expect([one.ended, two.ended, rig.latestSeq]).toEqual([undefined, undefined, 0])
  })

  test('[L6][P5] having opened or tried to publish as a client is no leave to whisper as it when it is another’s', async () => {
    const rig = new OpeningRig()
    const [one, two] = [rig.join({ client: 'a' }), rig.join({ client: 'a' }, { sub: 'user-2' })]
    const whisper = { type: 'whisper', client: 'a', data: 1 }
    await rig.say(two, publish(1, [1]))
    one.take()
    expect(await rig.say(one, whisper)).toMatchObject([{ type: 'refused', code: 'client-taken' }])
    await rig.say(one, publish(1, [2]))
    expect(await rig.say(one, whisper)).toMatchObject([{ type: 'refused', code: 'client-taken' }])
    two.take()
    expect(await rig.say(two, whisper)).toEqual([])
    expect([one.take(), two.take()]).toEqual([[whisper], []])
  })
})

describe('a socket that is opened as a client', () => {
  test('[L8] has the client’s older sockets closed before it is welcomed, and no other ones', async () => {
    const rig = new OpeningRig()
    const listener = rig.join()
    const publisher = rig.join()
    await rig.say(publisher, publish(1, [1]))
    const other = rig.join({ client: 'b' })
    let endedAtWelcome: unknown
    class Watching extends PlainSession {
      override send(frame: string): void {
        endedAtWelcome ??= publisher.ended
        super.send(frame)
      }
    }
    const newer = rig.welcome(new Watching(rig.sessions.size), { client: 'a' })
    expect(welcomeOf(newer).counter).toBe(1)
    expect(endedAtWelcome).toEqual(superseded)
    expect([listener.ended, other.ended]).toEqual([undefined, undefined])
  })

  test('[L8] is its only publisher: what an older one still had under way is not read, whether it had published or not', async () => {
    const rig = new OpeningRig()
    const silent = rig.join()
    const older = rig.join({ client: 'a' })
    const newer = rig.join({ client: 'a' })
    for (const one of [silent, older, newer]) one.take()
    expect(older.ended).toEqual(superseded)
    expect(await rig.say(older, publish(1, [1]))).toEqual([])
    expect(await rig.say(silent, publish(1, [1]))).toEqual([])
    expect([silent.ended, newer.ended, rig.latestSeq]).toEqual([superseded, undefined, -1])
    expect(await rig.say(newer, publish(1, [1]))).toMatchObject([{ type: 'slice', covers: [[0, 0]] }])
  })

  test('[L8] gives way to one that is opened later and publishes', async () => {
    const rig = new OpeningRig()
    const [older, newer] = [rig.join({ client: 'a' }), rig.join()]
    await rig.say(newer, publish(1, [1]))
    expect([older.ended, newer.ended, rig.latestSeq]).toEqual([superseded, undefined, 0])
  })
})

describe('what is under way when a socket is opened as its client', () => {
  test('[L11] and has been submitted is decided before the counter is read, and told to the older one', () => {
    const rig = new OpeningRig()
    const older = rig.join({ client: 'a' })
    older.take()
    rig.submit(older, publish(1, [1, 2]))
    const newer = rig.join({ client: 'a', after: -1 })
    expect(newer.take()).toMatchObject([
      { type: 'welcome', epoch: 'epoch-1', latestSeq: 1, counter: 2, follows: [[0, 1]] },
      { type: 'slice', covers: [[0, 1]] },
    ])
    expect(older.take()).toMatchObject([{ type: 'slice', covers: [[0, 1]] }])
    rig.submit(older, publish(2, [3]))
    rig.rig.endTurn()
    expect([rig.latestSeq, newer.take(), older.ended, newer.ended]).toEqual([1, [], superseded, undefined])
  })

  test('[L11][P7] and cannot be stored is refused for good', () => {
    const rig = new OpeningRig()
    const older = rig.join({ client: 'a' })
    older.take()
    rig.submit(older, publish(1, [1]))
    vi.spyOn(rig.rig.storage, 'append').mockImplementationOnce(() => {
      throw new Error('The disk is full.')
    })
    const newer = rig.join({ client: 'a' })
    expect([welcomeOf(newer).counter, older.take()]).toMatchObject([0, [{ type: 'refused', ref: 1, code: 'unavailable' }]])
    rig.rig.endTurn()
    expect([rig.latestSeq, rig.rig.reports]).toEqual([-1, [new Error('The disk is full.')]])
  })

  test('[L11] and is refused leaves the counter as it was', () => {
    const rig = new OpeningRig()
    const older = rig.join({ client: 'a' })
    older.take()
    rig.submit(older, publish(1, [1]))
    rig.submit(older, publish(2, [5]))
    expect(welcomeOf(rig.join({ client: 'a' })).counter).toBe(1)
    expect(older.take()).toMatchObject([{ type: 'slice' }, { type: 'refused', ref: 2, code: 'counter-skipped' }])
  })

  test('[L11][P5] and makes it another sub’s is decided first, too: the socket is told no counter', () => {
    const rig = new OpeningRig()
    rig.submit(rig.join({}, { sub: 'user-2' }), publish(1, [1]))
    const session = rig.join({ client: 'a' })
    expect(welcomeOf(session)).toMatchObject({ latestSeq: 0 })
    expect(session.client).toBeUndefined()
  })

  test('[L11][P8] is decided with all that came before it; what came behind it is not hurried beyond its group', () => {
    const rig = new OpeningRig()
    for (let i = 0; i < 700; i++) rig.rig.core.committer.submit(submission(`c${i}`, [draft(1)]), () => {})
    rig.rig.core.committer.submit(submission('a', [draft(1)]), () => {})
    for (let i = 700; i < 1500; i++) rig.rig.core.committer.submit(submission(`c${i}`, [draft(1)]), () => {})
    expect(welcomeOf(rig.join({ client: 'a' }))).toMatchObject({ counter: 1, latestSeq: 999 })
    for (let turns = 0; turns < 3; turns++) rig.rig.endTurn()
    expect(rig.rig.events()).toHaveLength(1501)
    expect(rig.rig.events()[700]).toMatchObject({ client: 'a' })
  })

  test.each<[who: string, opening: Partial<Opening>, rights: Partial<Rights>]>([
    ['as another client', { client: 'b' }, {}],
    ['as nobody', {}, {}],
    ['by one that may not publish', { client: 'a' }, { mayPublish: false }],
  ])('[P8] waits for the end of its turn when a socket is opened %s', (_, opening, rights) => {
    const rig = new OpeningRig()
    rig.submit(rig.join(), publish(1, [1]))
    expect(welcomeOf(rig.join(opening, rights)).latestSeq).toBe(-1)
    rig.rig.endTurn()
    expect(rig.latestSeq).toBe(0)
  })
})
