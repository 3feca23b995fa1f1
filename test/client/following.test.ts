import { describe, expect, test } from 'vitest'
import { Following } from '../../src/client/tabs/following.ts'
import type { TabNews } from '../../src/client/tabs/tabs.ts'
import { TestStore } from '../support/test-store.ts'
import { virtualEnvironment } from '../support/virtual-environment.ts'
import { VirtualTime } from '../support/virtual-time.ts'

const newsOf = (counter: number): TabNews => ({ change: { nextCounter: counter }, placed: [], leaving: [] })

class Rig {
  readonly time = new VirtualTime()
  readonly store = new TestStore()
  readonly told: string[] = []
  readonly following = new Following(this.store, virtualEnvironment(this.time), {
    onOwner: () => this.told.push('owner'),
    onSaved: ({ nextCounter }) => this.told.push(`saved ${nextCounter}`),
    onNews: ({ change }) => this.told.push(`news ${change.nextCounter}`),
    onRead: () => this.told.push('read'),
    onLost: () => this.told.push('lost'),
  })

  /** Follows an owner that has told so much. */
  static async at(revision: number): Promise<Rig> {
    const rig = new Rig()
    await rig.store.claim('owner')
    await rig.save(revision)
    rig.following.hear({ owner: 'a', revision })
    await rig.time.advance(0)
    rig.told.length = 0
    return rig
  }

  save(nextCounter: number): Promise<unknown> {
    return this.store.save({ client: 'me', nextCounter })
  }

  news(revision: number, owner = 'a'): void {
    this.following.take({ type: 'news', owner, revision, news: newsOf(revision) })
  }
}

describe('news', () => {
  test('[C14] that follow each other are told at once, and nothing is read', async () => {
    const rig = await Rig.at(3)
    rig.news(4)
    rig.news(5)
    rig.following.hear({ owner: 'a', revision: 5 })
    expect([rig.told, rig.following.isReading]).toEqual([['news 4', 'news 5'], false])
  })

  test('[C14] of which one is missing have the store read, and those that come meanwhile are told behind it', async () => {
    const rig = await Rig.at(3)
    await rig.save(5)
    rig.news(5)
    rig.news(6)
    expect(rig.told).toEqual([])
    await rig.time.advance(0)
    expect(rig.told).toEqual(['saved 5', 'news 6', 'read'])
  })

  test('[C14] of another owner make it read once more, and what waited of the one before is not told', async () => {
    const rig = await Rig.at(3)
    await rig.save(5)
    rig.following.read()
    rig.news(4)
    rig.news(1, 'b')
    await rig.time.advance(0)
    expect(rig.told).toEqual(['owner', 'saved 5', 'saved 5', 'read'])
    expect(['a', 'b'].map((owner) => rig.following.isOf(owner))).toEqual([false, true])
  })
})

describe('a store', () => {
  test('[C14] that fails is read again after a while; when it goes on failing there is nothing to follow', async () => {
    const rig = await Rig.at(3)
    rig.store.failures.load = ['failed', undefined]
    rig.following.read()
    await rig.time.advance(60_000)
    expect(rig.told).toEqual(['saved 3', 'read'])
    rig.store.failures.load = ['failed']
    rig.following.read()
    await rig.time.advance(600_000)
    expect(rig.told.slice(2)).toEqual(['lost'])
  })

  test('[C14] that is read when it is stopped is told of no more', async () => {
    const rig = await Rig.at(3)
    rig.following.read()
    rig.following.stop()
    await rig.time.advance(60_000)
    expect(rig.told).toEqual([])
  })
})
