/** Where a tape stands: read once, told of what is stored, and forgotten with everything else that memory has of it. */
import { describe, expect, test } from 'vitest'
import { Present } from '../../src/server/tape/present.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { randomBytes } from '../support/random-bytes.ts'

/** A tape of which it is counted how often its ledger is read, as it is with each waking. */
class CountedTape extends MemoryTape {
  readings = 0

  override ledgersFrom(checkpoint: number): Generator<string> {
    this.readings++
    return super.ledgersFrom(checkpoint)
  }
}

class PresentRig {
  readonly tape = new CountedTape()
  readonly calls: string[] = []
  readonly present = new Present(
    {
      storage: this.tape,
      randomBytes,
      newEpoch: () => 'epoch-2',
      onUpkeepDue: () => this.calls.push('upkeep due'),
      onRewritten: () => this.calls.push('rewritten'),
    },
    [{ forget: () => this.calls.push('indexes forgotten') }, { forget: () => this.calls.push('recent forgotten') }],
  )

  make(): void {
    this.tape.configure({ isClosed: false, expires: undefined, at: 1000, newEpoch: 'epoch-1' })
  }

  /** As another object does that is the current one by now. */
  appendElsewhere(): void {
    const body = new TextEncoder().encode('{"seq":0}')
    const row = { first: 0, last: 0, body, committedAt: 1000, checkpoint: 0, ledger: '[]', start: 0 }
    this.tape.append({ rows: [row], retired: [], newEpoch: undefined })
  }
}

describe('the present', () => {
  test('is read when it is asked for, once until it is forgotten with all else', () => {
    const rig = new PresentRig()
    rig.make()
    const head = rig.present.head()
    expect(head).toMatchObject({ epoch: 'epoch-1', latestSeq: -1 })
    expect([rig.present.head(), rig.tape.readings]).toEqual([head, 1])
    rig.present.forget()
    expect(rig.calls).toEqual(['indexes forgotten', 'recent forgotten'])
    rig.present.head()
    expect(rig.tape.readings).toBe(2)
  })

  test('is none of a stream that is not there, and throws of one that is no more', () => {
    const rig = new PresentRig()
    expect(rig.present.head()).toBeUndefined()
    rig.tape.erase()
    rig.present.forget()
    expect(() => rig.present.head()).toThrow('stream-deleted')
  })

  test('that is what storage says stays as it is, and one that is not is read anew', () => {
    const rig = new PresentRig()
    rig.make()
    rig.present.head()
    rig.present.check()
    expect(rig.calls).toEqual([])
    rig.appendElsewhere()
    expect(rig.present.head()?.latestSeq).toBe(-1)
    rig.present.check()
    expect([rig.present.head()?.latestSeq, rig.tape.readings]).toEqual([0, 2])
  })

  test('is forgotten before the epoch changes, and others are told when that has been stored', () => {
    const rig = new PresentRig()
    rig.make()
    rig.present.head()
    rig.present.renew((epoch) => {
      rig.calls.push(epoch)
      rig.tape.renew(epoch)
    })
    expect(rig.calls).toEqual(['indexes forgotten', 'recent forgotten', 'epoch-2', 'upkeep due', 'rewritten'])
    expect(rig.present.head()?.epoch).toBe('epoch-2')
  })
})
