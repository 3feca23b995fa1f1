/** Groups are committed together, told to all, and refused as a whole and forgotten when storage fails. */
import { describe, expect, test } from 'vitest'
import { CoreRig, FlakyTape } from '../support/core.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { draft, plain, refused, submission, taken } from '../support/tape-state.ts'

describe('what a client has had taken', () => {
  test('[L11][P8] is known when what waits of it has been decided, once, in the order of arrival', () => {
    const rig = new CoreRig(new FlakyTape())
    const answers: string[] = []
    const submit = (client: string, counter: number) =>
      rig.core.committer.submit(submission(client, [draft(counter)]), (verdict) => answers.push(`${client}${counter} ${verdict.type}`))
    submit('b', 1)
    submit('a', 1)
    submit('a', 3)
    expect(rig.core.committer.takenFrom('a', 'user-1')).toBe(1)
    expect(answers).toEqual(['b1 taken', 'a1 taken', 'a3 refused'])
    expect([
      rig.core.committer.takenFrom('b', 'user-1'),
      rig.core.committer.takenFrom('c', 'user-1'),
      rig.core.committer.takenFrom('a', 'user-2'),
    ]).toEqual([1, 0, undefined])
    rig.endTurn()
    expect([answers.length, rig.storage.appends.length]).toEqual([3, 1])
    submit('a', 2)
    rig.endTurn()
    expect([answers.at(-1), rig.storage.appends.length]).toEqual(['a2 taken', 2])
  })

  test('[L11] is read from storage by a core that has just woken', () => {
    const rig = new CoreRig(new FlakyTape())
    rig.commit(submission('a', [draft(1), draft(2)]))
    const woken = new CoreRig(rig.storage)
    expect([woken.core.committer.takenFrom('a', 'user-1'), woken.core.committer.takenFrom('a', 'user-2')]).toEqual([2, undefined])
  })
})

describe('group commit', () => {
  test('[P8] what comes in one turn is one append, and one frame for each listener', () => {
    const rig = new CoreRig(new FlakyTape())
    const ears = [rig.ear(), rig.ear(), rig.ear()]
    const publishes = Array.from({ length: 64 }, (_, i) => submission(`c${i}`, [draft(1), draft(2)]))
    expect(rig.commit(...publishes).map(plain)).toEqual(publishes.map((_, i) => taken(2 * i, 2 * i + 1)))
    expect([rig.turnsAsked, rig.storage.appends.length, rig.storage.appends[0]?.rows.length]).toEqual([1, 1, 1])
    for (const ear of ears) {
      expect(ear.texts).toHaveLength(1)
      const { mark } = rig.core
      expect(ear.frames).toEqual([{ type: 'slice', epoch: 'epoch-1', latestSeq: 127, mark, covers: [[0, 127]], events: rig.events() }])
    }
  })

  test('[P8] nothing waits when nothing happens, and each turn is asked for once', () => {
    const rig = new CoreRig(new FlakyTape())
    expect(rig.turnsAsked).toBe(0)
    for (let turn = 1; turn <= 3; turn++) {
      rig.commit(submission('a', [draft(turn)]))
      expect([rig.turnsAsked, rig.storage.appends.length]).toEqual([turn, turn])
    }
  })

  test('[P8][S3] a group beyond 1 MB is one append of several rows, and one frame for each', () => {
    const rig = new CoreRig(new FlakyTape())
    const ear = rig.ear()
    const large = (counter: number) => draft(counter, { values: { text: 'x'.repeat(200_000) } })
    expect(
      rig
        .commit(
          submission(
            'a',
            Array.from({ length: 5 }, (_, i) => large(i + 1)),
          ),
          submission('b', [large(1)]),
        )
        .map(plain),
    ).toEqual([taken(0, 4), taken(5, 5)])
    expect(rig.storage.appends.map(({ rows }) => rows.map(({ first, last }) => [first, last]))).toEqual([
      [
        [0, 3],
        [4, 5],
      ],
    ])
    expect(ear.frames.map((frame) => frame.type === 'slice' && [frame.latestSeq, frame.covers])).toEqual([
      [3, [[0, 3]]],
      [5, [[4, 5]]],
    ])
    for (const text of ear.texts) expect(new TextEncoder().encode(text).length).toBeLessThan(1024 * 1024)
    const woken = new CoreRig(rig.storage)
    expect(woken.commit(submission('a', [draft(5), draft(6)]), submission('b', [draft(2)])).map(plain)).toEqual([
      taken(6, 6, 1),
      taken(7, 7),
    ])
  })

  test('[P7] a group that takes nothing writes nothing and tells nobody', () => {
    const rig = new CoreRig(new FlakyTape())
    rig.commit(submission('a', [draft(1)]))
    const ear = rig.ear()
    const verdicts = rig.commit(submission('a', [draft(1)]), submission('a', [draft(3)]), submission('b', [draft(1)], { epoch: 'other' }))
    expect(verdicts.map(plain)).toEqual([
      { type: 'taken', seqs: [], duplicates: 1 },
      refused('counter-skipped', { expected: 2, counter: 3 }),
      refused('wrong-epoch', { epoch: 'epoch-1' }),
    ])
    expect([ear.texts, rig.storage.appends.length, rig.core.state.latestSeq]).toEqual([[], 1, 0])
  })

  test('[P7] everything told or answered is stored by then', () => {
    const rig = new CoreRig(new FlakyTape())
    const seen: number[] = []
    rig.listeners.add({ send: () => seen.push(rig.storage.appends.length) })
    rig.core.committer.submit(submission('a', [draft(1)]), () => seen.push(rig.storage.appends.length))
    expect(rig.storage.appends).toHaveLength(0)
    rig.endTurn()
    expect(seen).toEqual([1, 1])
  })

  test('[P8] what is submitted while answers go out is the next turn’s group', () => {
    const rig = new CoreRig(new FlakyTape())
    const verdicts: unknown[] = []
    rig.core.committer.submit(submission('a', [draft(1)]), () =>
      rig.core.committer.submit(submission('a', [draft(2)]), (verdict) => verdicts.push(plain(verdict))),
    )
    rig.endTurn()
    expect([verdicts, rig.storage.appends.length]).toEqual([[], 1])
    rig.endTurn()
    expect([verdicts, rig.storage.appends.length]).toEqual([[taken(1, 1)], 2])
  })

  test('[T3] each row keeps when it was committed, and its order does not depend on that', () => {
    const rig = new CoreRig(new FlakyTape())
    rig.nowMs = 5000
    rig.commit(submission('a', [draft(1)]))
    rig.nowMs = 4000
    rig.commit(submission('a', [draft(2)]))
    expect(rig.storage.appends.flatMap(({ rows }) => rows.map(({ last, committedAt }) => [last, committedAt]))).toEqual([
      [0, 5000],
      [1, 4000],
    ])
  })

  test('[S4] the epoch is made with the first event and stays', () => {
    const storage = new MemoryTape()
    const rig = new CoreRig(storage)
    expect(rig.core.state).toEqual({ epoch: null, latestSeq: -1 })
    rig.commit(submission('a', [draft(2)]))
    expect([rig.core.readState(), storage.head()]).toEqual([{ epoch: null, latestSeq: -1 }, undefined])
    rig.commit(submission('a', [draft(1)]))
    expect(rig.core.state).toEqual({ epoch: 'epoch-1', latestSeq: 0 })
    const woken = new CoreRig(storage, 'epoch-2')
    woken.commit(submission('a', [draft(2)]))
    expect(woken.core.state).toEqual({ epoch: 'epoch-1', latestSeq: 1 })
  })
})

describe('a storage that fails', () => {
  test('[T4] nothing of the group is stored or told, each publish gets unavailable, and the next group is right', () => {
    const rig = new CoreRig(new FlakyTape())
    const ear = rig.ear()
    rig.commit(submission('a', [draft(1)]))
    ear.take()
    const before = rig.events()
    rig.storage.failing = new Error('The disk is full.')
    const group = [submission('a', [draft(2)]), submission('b', [draft(1)]), submission('a', [draft(1)])]
    expect(rig.commit(...group).map(plain)).toEqual([refused('unavailable'), refused('unavailable'), refused('unavailable')])
    expect([ear.texts, rig.events(), rig.core.state.latestSeq]).toEqual([[], before, 0])
    expect(rig.reports).toEqual([rig.storage.failing])
    rig.storage.failing = undefined
    expect(rig.commit(...group).map(plain)).toEqual([taken(1, 1), taken(2, 2), { type: 'taken', seqs: [], duplicates: 1 }])
    expect(ear.take()).toMatchObject([{ covers: [[1, 2]], latestSeq: 2 }])
  })

  test('[T4] a stream whose first append fails does not exist, and its next try makes it', () => {
    const rig = new CoreRig(new FlakyTape())
    const ear = rig.ear()
    rig.storage.failing = new Error('The disk is full.')
    expect(rig.commit(submission('a', [draft(1)])).map(plain)).toEqual([refused('unavailable')])
    expect([rig.core.state, ear.texts]).toEqual([{ epoch: null, latestSeq: -1 }, []])
    rig.storage.failing = undefined
    expect(rig.commit(submission('a', [draft(1)])).map(plain)).toEqual([taken(0, 0)])
  })

  test('[T4] what storage took although it threw is known to the next group', () => {
    class Liar extends MemoryTape {
      lies = true
      override append(append: Parameters<MemoryTape['append']>[0]): void {
        super.append(append)
        if (this.lies) throw new Error('Written, perhaps.')
      }
    }
    const rig = new CoreRig(new Liar())
    expect(rig.commit(submission('a', [draft(1)])).map(plain)).toEqual([refused('unavailable')])
    rig.storage.lies = false
    expect(rig.commit(submission('a', [draft(1), draft(2)])).map(plain)).toEqual([taken(1, 1, 1)])
  })
})
