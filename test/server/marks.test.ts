/** Marks of rows, and what a stream does that is shown the mark of a row which it does not have. */
import { describe, expect, test } from 'vitest'
import { Live } from '../../src/server/object/live.ts'
import { StreamCore } from '../../src/server/stream-core.ts'
import { CoreRig } from '../support/core.ts'
import { LiveRig, PlainSession } from '../support/live-rig.ts'
import { memoryContents } from '../support/memory-blobs.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { randomBytes } from '../support/random-bytes.ts'
import { draft, submission } from '../support/tape-state.ts'

/** A stream whose storage can be set back, each time under a core that is made anew. */
class SetBackRig {
  tape = new MemoryTape()
  readonly reports: unknown[] = []
  rewritten = 0
  core!: StreamCore
  #epochs = 0
  #turns: (() => void)[] = []

  constructor() {
    this.wake()
  }

  wake(tape = this.tape): void {
    this.tape = tape
    this.core = new StreamCore({
      storage: tape,
      contents: memoryContents(),
      listeners: [],
      later: (run) => this.#turns.push(run),
      now: () => 1000,
      newEpoch: () => `epoch-${++this.#epochs}`,
      randomBytes,
      pause: async () => {},
      onRewritten: () => this.rewritten++,
      onUpkeepDue: () => {},
      report: (error) => this.reports.push(error),
    })
  }

  publish(client: string, counter: number): string {
    this.core.committer.submit(submission(client, [draft(counter)]), () => {})
    for (const run of this.#turns.splice(0)) run()
    return this.core.mark ?? ''
  }

  /** Whether the stream is under another epoch for having been shown this. */
  changesFor(mark: string): boolean {
    const { epoch } = this.core.state
    this.core.checkMark(mark)
    return this.core.state.epoch !== epoch
  }
}

describe('marks', () => {
  test('[S5] are told of the newest row: in the welcome, with each row, and with what was asked for', async () => {
    const rig = new LiveRig()
    const first = rig.open()
    expect(first.take()[0]).not.toHaveProperty('mark')
    const [live] = await rig.say(first, { type: 'publish', ref: 1, client: 'a', drafts: [draft(1), draft(2)] })
    const mark = rig.rig.core.mark
    expect(mark).toMatch(/^1\.[0-9a-z]{1,7}\.[\w-]{11}$/)
    expect(live).toMatchObject({ type: 'slice', latestSeq: 1, mark })
    expect((await rig.say(first, { type: 'fetch', ref: 2, seq: [[0, 0]] }))[0]).toMatchObject({ ref: 2, mark })
    expect(rig.open({}, { after: 0 }).take()).toMatchObject([
      { type: 'welcome', mark },
      { type: 'slice', mark },
    ])
  })

  test('[S5] come with what a filter leaves of a row, too', async () => {
    const rig = new LiveRig()
    rig.rig.commit(submission('a', [draft(1)]))
    const session = Object.assign(new PlainSession(0), { filter: { any: [{ collection: ['elsewhere'] }], except: [] } })
    rig.sessions.add(session)
    rig.rig.listeners.add(session)
    rig.rig.commit(submission('a', [draft(2)]))
    expect(session.take()).toMatchObject([{ latestSeq: 1, events: [], mark: rig.rig.core.mark }])
  })

  test('[S5] stay the same over a sleep, and are others under another epoch or of another stream', () => {
    const rig = new SetBackRig()
    const mark = rig.publish('a', 1)
    rig.wake()
    expect(rig.core.mark).toBe(mark)
    rig.tape.renew('another')
    rig.wake()
    expect(rig.core.mark).not.toBe(mark)
    expect(new SetBackRig().publish('a', 1)).not.toBe(mark)
  })
})

describe('a stream that is shown a mark', () => {
  test('[S6] goes on as it is for each that it has told of since it was made', () => {
    const rig = new SetBackRig()
    const marks: string[] = []
    for (let i = 1; i <= 40; i++) {
      marks.push(rig.publish('a', i))
      if (i % 7 === 0) rig.wake()
      for (const mark of marks) expect(rig.changesFor(mark)).toBe(false)
    }
    const segment = { first: 0, last: 20, plain: { hash: 'x', bytes: 1, stored: 1 } }
    rig.tape.seal({ segment, ledger: '[]', retired: [] })
    rig.wake()
    for (const mark of marks) expect(rig.changesFor(mark)).toBe(false)
    expect(rig.reports).toEqual([])
  })

  test('[S6] is under a new epoch, and says so once, when storage ends before the row', () => {
    const rig = new SetBackRig()
    rig.publish('a', 1)
    const copy = rig.tape.copy()
    const lost = rig.publish('a', 2)
    rig.wake(copy)
    expect(rig.changesFor(lost)).toBe(true)
    expect(rig.core.state).toMatchObject({ latestSeq: 0 })
    expect(rig.core.lookup('a')).toMatchObject({ counter: 1 })
    expect([rig.rewritten, rig.reports.length]).toEqual([1, 1])
    expect(rig.changesFor(lost), 'it is of an epoch that is no more').toBe(false)
    expect(rig.core.sealed.redactions()).toEqual([])
    rig.publish('a', 2)
    expect(rig.changesFor(rig.core.mark ?? '')).toBe(false)
    expect([rig.rewritten, rig.reports.length]).toEqual([1, 1])
  })

  test('[S6] also when the tape has grown again beyond it, with the same drafts of the same clients, sealed or not', () => {
    for (const isSealed of [false, true]) {
      const rig = new SetBackRig()
      rig.publish('a', 1)
      const copy = rig.tape.copy()
      const lost = [rig.publish('a', 2), rig.publish('b', 1)]
      rig.wake(copy)
      const again = [rig.publish('a', 2), rig.publish('b', 1), rig.publish('c', 1), rig.publish('c', 2)]
      const segment = { first: 0, last: 3, plain: { hash: 'x', bytes: 1, stored: 1 } }
      if (isSealed) rig.tape.seal({ segment, ledger: '[]', retired: [] })
      rig.wake()
      for (const mark of again) expect(rig.changesFor(mark)).toBe(false)
      const now = rig.tape.copy()
      for (const mark of lost) {
        rig.wake(now.copy())
        expect(rig.changesFor(mark)).toBe(true)
      }
    }
  })

  test('[S6] knows a row again that was there before storage was set back', () => {
    const rig = new SetBackRig()
    const kept = rig.publish('a', 1)
    const copy = rig.tape.copy()
    rig.publish('a', 2)
    rig.wake(copy)
    rig.publish('b', 1)
    expect(rig.changesFor(kept)).toBe(false)
  })

  test('[S6] looks at nothing that it has not made: whoever only reads cannot make it change', () => {
    const rig = new SetBackRig()
    const mark = rig.publish('a', 1)
    const [seq, writer, mac = ''] = mark.split('.')
    const another = (Number.parseInt(writer ?? '', 36) + 2 ** 32).toString(36)
    const other = new SetBackRig()
    for (let i = 1; i <= 3; i++) other.publish('a', i)
    const forged = [
      '',
      'x',
      '9',
      `9.${writer}.${mac}`,
      `${seq}.zzz.${mac}`,
      `${seq}.${another}.${mac}`,
      `0${mark}`,
      `${seq}.${writer}.${mac.slice(0, -1)}`,
      `${seq}.${writer}.${mac.startsWith('A') ? 'B' : 'A'}${mac.slice(1)}`,
      `${mark}.`,
      `9007199254740993.${writer}.${mac}`,
      other.core.mark ?? '',
      '1'.repeat(5000),
    ]
    for (const one of forged) expect(rig.changesFor(one), one).toBe(false)
    expect(rig.reports).toEqual([])
  })

  test('[S6] that has nothing yet, or is older than marks, says nothing of them', () => {
    const rig = new SetBackRig()
    const { mark = '' } = (() => {
      const other = new SetBackRig()
      other.publish('a', 1)
      return other.core
    })()
    rig.core.checkMark(mark)
    expect(rig.core.state).toEqual({ epoch: null, latestSeq: -1 })
  })

  test('[S6] that was set back to right after it was made knows it', () => {
    const rig = new SetBackRig()
    rig.core.configure({})
    const copy = rig.tape.copy()
    const lost = rig.publish('a', 1)
    rig.wake(copy)
    expect(rig.changesFor(lost)).toBe(true)
  })

  test('[S6] welcomes whoever showed it under the new epoch', () => {
    const rig = new CoreRig(new MemoryTape())
    rig.commit(submission('a', [draft(1)]))
    const copy = rig.storage.copy()
    rig.commit(submission('a', [draft(2), draft(3)]))
    const { mark } = rig.core
    const setBack = new CoreRig(copy, 'epoch-2')
    const sessions = new Set<PlainSession>()
    const live = new Live<PlainSession>({
      core: setBack.core,
      sessions,
      verify: () => Promise.reject(new Error('Nobody renews.')),
      now: () => 1000,
      report: () => {},
    })
    const session = new PlainSession(0)
    live.open(session, { after: 2, epoch: 'epoch-1', client: 'a', mark })
    expect(session.take()).toEqual([
      { type: 'welcome', epoch: 'epoch-2', latestSeq: 0, mark: setBack.core.mark, expiresInMs: expect.any(Number), counter: 1 },
    ])
    expect(setBack.reports).toHaveLength(1)
  })
})
