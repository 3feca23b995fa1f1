/** What sealed parts are kept in, when it is slow: nobody waits for ever, and nothing that comes late is overlooked. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { TimedBlobs } from '../../src/server/timed-blobs.ts'
import { MemoryBlobs, memoryContents } from '../support/memory-blobs.ts'

/** Blobs that answer when the test says so. */
class SlowBlobs extends MemoryBlobs {
  readonly waiting: (() => void)[] = []
  isSlow = true
  reads = 0

  override async put(name: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#turn()
    return super.put(name, body)
  }

  override async get(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    this.reads++
    await this.#turn()
    return super.get(name)
  }

  override async list(after?: string): Promise<readonly string[]> {
    await this.#turn()
    return super.list(after)
  }

  answer(): void {
    for (const go of this.waiting.splice(0)) go()
  }

  async #turn(): Promise<void> {
    if (this.isSlow) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }
}

const body = new Uint8Array([1, 2, 3])

describe('a bucket that does not answer', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('[T6] is one that cannot be reached, after ten seconds; one that answers leaves no timer behind', async () => {
    const slow = new SlowBlobs()
    const blobs = new TimedBlobs(slow)
    for (const ask of [() => blobs.put('a', body), () => blobs.get('a'), () => blobs.list()]) {
      const outcome = ask().catch((error: Error) => error.message)
      await vi.advanceTimersByTimeAsync(9999)
      expect(vi.getTimerCount()).toBe(1)
      await vi.advanceTimersByTimeAsync(1)
      expect(await outcome).toBe('There has been no answer for 10000 ms.')
      expect(vi.getTimerCount()).toBe(0)
      slow.answer()
      await vi.advanceTimersByTimeAsync(0)
    }
    slow.isSlow = false
    expect(await blobs.get('a')).toEqual(body)
    expect(await blobs.list()).toEqual(['a'])
    await blobs.remove(['a'])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('[R1] may have stored in the end what was given up: whoever cleans waits for that, and finds it', async () => {
    const slow = new SlowBlobs()
    const contents = memoryContents(new TimedBlobs(slow))
    const put = contents.put(body).catch((error: Error) => error.message)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await put).toMatch('no answer')
    // Others answer by now.
    slow.isSlow = false
    const tooSoon = contents.removeAllBut(new Set()).catch((error: Error) => error.message)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await tooSoon).toMatch('no answer')
    const clean = contents.removeAllBut(new Set())
    slow.answer()
    await clean
    expect([...slow.blobs.keys()]).toEqual([])
  })
})

test('[T6] what two ask for at once is kept once, and drives out no more than that', async () => {
  const blobs = new SlowBlobs()
  blobs.isSlow = false
  const contents = memoryContents(blobs)
  const entries = await Promise.all(Array.from({ length: 12 }, (_, i) => contents.put(new Uint8Array(1_000_000).fill(i))))
  for (const entry of entries) await Promise.all([contents.get(entry), contents.get(entry)])
  blobs.reads = 0
  for (const entry of entries.slice(-8)) expect((await contents.get(entry)).length).toBe(1_000_000)
  expect(blobs.reads).toBe(0)
})
