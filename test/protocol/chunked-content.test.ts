import { expect, test } from 'vitest'
import { ChunkedContent } from '../../src/protocol/deltas/chunked-content.ts'
import { type Splices, splice } from '../../src/protocol/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'

test('a chunked text is what a plain one would be', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed)
    let plain = random.chance(0.5) ? '' : 'start '.repeat(random.below(3000))
    const chunked = new ChunkedContent(plain)
    for (let step = 0; step < 300; step++) {
      const splices: { offset: number; removed: number; inserted: string | undefined }[] = []
      for (let from = random.below(plain.length + 1); from <= plain.length && splices.length < 3; from += 1 + random.below(2000)) {
        const removed = Math.min(plain.length - from, random.chance(0.3) ? random.below(5000) : random.below(3))
        const inserted = random.chance(0.05) ? 'long🙂'.repeat(random.below(2000)) : random.pick(['', 'a', 'bc'])
        if (removed > 0 || inserted !== '') splices.push({ offset: from, removed, inserted: inserted || undefined })
        from += removed
      }
      plain = splice(plain, splices as Splices<string>)
      chunked.splice(splices as Splices<string>)
      const from = random.below(plain.length + 1)
      expect(chunked.length).toBe(plain.length)
      expect(chunked.slice(from, from + 100)).toBe(plain.slice(from, from + 100))
      if (random.chance(0.1)) expect(chunked.whole).toBe(plain)
    }
    expect(chunked.whole).toBe(plain)
  }
})

test('chunked bytes are what plain ones would be', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = new SeededRandom(seed)
    const some = (length: number) => Uint8Array.from({ length }, (_, index) => index + length)
    let plain = some(random.below(20_000))
    const chunked = new ChunkedContent(plain)
    for (let step = 0; step < 100; step++) {
      const offset = random.below(plain.length + 1)
      const removed = Math.min(plain.length - offset, random.below(random.pick([2, 5000])))
      const splices = [{ offset, removed, inserted: random.chance(0.3) ? undefined : some(1 + random.below(3000)) }]
      expect(chunked.fits(splices)).toBe(true)
      expect(chunked.fits([{ offset, removed, inserted: 'text' }])).toBe(false)
      plain = splice(plain, splices)
      chunked.splice(splices)
      const from = random.below(plain.length + 1)
      expect(chunked.slice(from, from + 100)).toEqual(plain.slice(from, from + 100))
    }
    expect(chunked.whole).toEqual(plain)
  }
})

test('it knows where a pair would be cut, between chunks, too', () => {
  const text = `${'a'.repeat(1023)}🙂${'b'.repeat(3000)}`
  const chunked = new ChunkedContent(text)
  expect([1022, 1023, 1024, 1025].map((place) => chunked.cutsPair(place))).toEqual([false, false, true, false])
  expect(chunked.fits([{ offset: 1024, removed: 0, inserted: 'x' }])).toBe(false)
  expect(chunked.fits([{ offset: 1000, removed: 24, inserted: undefined }])).toBe(false)
  expect(chunked.fits([{ offset: 1000, removed: 25, inserted: [1] }])).toBe(false)
  expect(chunked.fits([{ offset: 4020, removed: 6, inserted: undefined }])).toBe(false)
  expect(chunked.fits([{ offset: 1000, removed: 25, inserted: 'y' }])).toBe(true)
})
