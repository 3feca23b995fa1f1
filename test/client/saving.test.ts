import { describe, expect, test } from 'vitest'
import type { OutboxEntry } from '../../src/client/index.ts'
import { retryDelayMs } from '../../src/client/link/connection.ts'
import { Saving } from '../../src/client/storage/saving.ts'
import { TestStore } from '../support/test-store.ts'
import { virtualEnvironment } from '../support/virtual-environment.ts'
import { VirtualTime } from '../support/virtual-time.ts'

const entry = (place: number, more: Partial<OutboxEntry> = {}): OutboxEntry => ({
  place,
  draft: { type: 'update', collection: 'things', identifier: `thing-${place}`, seen: -1, values: { place } },
  madeAt: 0,
  folded: { drafts: 1, bytes: 80 },
  ...more,
})

class Rig {
  readonly time = new VirtualTime()
  readonly store = new TestStore()
  readonly heard: string[] = []
  readonly reported: unknown[] = []
  readonly saving = new Saving(this.store, virtualEnvironment(this.time, { report: (error) => this.reported.push(error) }), {
    onSaving: () => this.heard.push('saving'),
    onSaved: (change) => this.heard.push(`saved ${change.nextCounter}`),
    onShed: () => this.heard.push('shed'),
    onFenced: () => this.heard.push('fenced'),
    onCleared: async () => {
      await this.store.claim('me')
      return { client: 'me', nextCounter: 7 }
    },
    onChange: () => this.heard.push(`trouble ${this.saving.trouble}`),
  })

  static async claimed(): Promise<Rig> {
    const rig = new Rig()
    await rig.store.claim('me')
    return rig
  }

  settle(ms = 0): Promise<void> {
    return this.time.advance(ms)
  }
}

describe('saving', () => {
  test('[C9] what comes in one turn is saved together, what comes while that is under way together after it', async () => {
    const rig = await Rig.claimed()
    rig.store.holds = 'before'
    const first = rig.saving.save({ nextCounter: 1 })
    void rig.saving.save({ client: 'me' })
    await rig.settle()
    void rig.saving.save({ nextCounter: 2, put: [entry(1)] })
    await rig.settle()
    void rig.saving.save({ nextCounter: 3, remove: [1] })
    const last = rig.saving.save({})
    rig.store.letGo()
    await Promise.all([first, last])
    expect(rig.store.saved).toEqual([
      { client: 'me', nextCounter: 1 },
      { nextCounter: 3, remove: [1] },
    ])
    expect(rig.heard).toEqual(['saving', 'saved 1', 'saving', 'saved 3'])
  })

  test('[C9] a change is said to be saved only when it is, and each in its order', async () => {
    const rig = await Rig.claimed()
    const order: string[] = []
    rig.store.holds = 'after'
    void rig.saving.save({ nextCounter: 1 }).then(() => order.push('first'))
    await rig.settle()
    void rig.saving.save({ nextCounter: 2 }).then(() => order.push('second'))
    await rig.settle()
    expect([order, rig.heard]).toEqual([[], ['saving']])
    rig.store.letGo()
    await rig.settle()
    expect(order).toEqual(['first', 'second'])
  })

  test('[C13] what the store does not take is tried again after longer and longer waits, with what came since', async () => {
    const rig = await Rig.claimed()
    rig.store.failures.save = [new Error('a'), new Error('b'), 'full', undefined]
    let isSaved = false
    void rig.saving.save({ nextCounter: 1, put: [entry(1)] }).then(() => {
      isSaved = true
    })
    await rig.settle()
    expect([rig.saving.trouble, rig.saving.unsavedCount]).toEqual(['failed', 1])
    void rig.saving.save({ nextCounter: 2, put: [entry(2)], remove: [1] })
    await rig.settle(retryDelayMs(0, 1) - 1)
    expect(rig.store.failures.save).toHaveLength(3)
    await rig.settle(1)
    expect(rig.store.failures.save).toHaveLength(2)
    await rig.settle(retryDelayMs(1, 1))
    expect(rig.saving.trouble).toBe('full')
    expect(isSaved).toBe(false)
    await rig.settle(retryDelayMs(2, 1))
    expect([isSaved, rig.saving.trouble]).toEqual([true, undefined])
    expect(rig.store.saved).toEqual([{ nextCounter: 2, put: [entry(2)], remove: [1] }])
    expect(rig.reported, 'once for a row of failures').toHaveLength(1)
    expect(rig.heard.filter((each) => each.startsWith('trouble'))).toEqual(['trouble failed', 'trouble full', 'trouble undefined'])
  })

  test('[C13] whoever is fenced saves nothing more, and still knows what it had not saved', async () => {
    const rig = await Rig.claimed()
    void rig.saving.save({ put: [entry(1)] })
    await rig.settle()
    await new TestStore(rig.store).claim('another')
    const { draft } = entry(2)
    void rig.saving.save({ put: [entry(2, { draft })] })
    await rig.settle()
    void rig.saving.save({ put: [entry(2, { draft, counter: 1 }), entry(3), entry(4, { refused: 'invalid' })] })
    await rig.settle(100_000)
    expect(rig.heard.filter((each) => each === 'fenced')).toHaveLength(1)
    expect(rig.store.saved).toHaveLength(1)
    expect(rig.saving.unsavedCount).toBe(2)
    expect(rig.reported).toEqual([])
  })

  test('[C13] whoever is stopped leaves the store alone, in the middle of its attempts, too', async () => {
    const rig = await Rig.claimed()
    rig.store.failures.save = ['failed', undefined]
    void rig.saving.save({ put: [entry(1)] })
    await rig.settle()
    rig.saving.stop()
    void rig.saving.save({ put: [entry(2)] })
    await rig.settle(100_000)
    expect(rig.store.saved).toEqual([])
    expect(rig.saving.unsavedCount).toBe(2)
  })

  test('[C13] no room for the tape is told once, whatever trouble there was before or comes in between', async () => {
    const rig = await Rig.claimed()
    rig.store.failures.save = ['full', undefined]
    void rig.saving.save({ nextCounter: 1 })
    await rig.settle()
    expect(rig.saving.trouble).toBe('full')
    rig.store.isFull = true
    await rig.settle(1000)
    expect(rig.heard.filter((each) => each === 'shed')).toHaveLength(1)
    rig.store.failures.save = ['failed', undefined]
    void rig.saving.save({ nextCounter: 2 })
    await rig.settle(1000)
    expect(rig.store.saved).toHaveLength(2)
    expect(rig.heard.filter((each) => each === 'shed')).toHaveLength(1)
    expect(rig.saving.trouble).toBe('full')
  })

  test('[C13] a draft counts as unsaved once, until the store has it as it is', async () => {
    const rig = await Rig.claimed()
    const { draft } = entry(1)
    rig.store.holds = 'before'
    void rig.saving.save({ put: [entry(1, { draft }), entry(2)] })
    await rig.settle()
    void rig.saving.save({ put: [entry(1, { draft, counter: 1 })], remove: [2] })
    expect(rig.saving.unsavedCount).toBe(1)
    rig.store.letGo()
    await rig.settle()
    expect(rig.saving.unsavedCount).toBe(0)
    rig.store.holds = 'before'
    void rig.saving.save({ put: [entry(1, { draft, counter: 2 })] })
    expect(rig.saving.unsavedCount, 'the draft is there, if not its counter').toBe(0)
    void rig.saving.save({ put: [entry(1, { draft: { ...draft, values: { place: 2 } } })] })
    expect(rig.saving.unsavedCount).toBe(1)
    rig.store.letGo()
    await rig.settle()
    expect(rig.saving.unsavedCount).toBe(0)
  })

  test('[C13] what was restored is saved already', async () => {
    const rig = await Rig.claimed()
    const { draft } = entry(1)
    rig.saving.restore([entry(1, { draft })])
    void rig.saving.save({ put: [entry(1, { draft, counter: 1 })] })
    expect(rig.saving.unsavedCount).toBe(0)
  })
})
