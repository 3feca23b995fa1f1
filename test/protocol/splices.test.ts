import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyDeltas, fits, problemOfDeltas, readDeltas, writeDeltas } from '../../src/protocol/deltas/delta.ts'
import { diff } from '../../src/protocol/deltas/diff.ts'
import { type Content, compose, composeAll, invert, movePlace, type Splices, splice, transform } from '../../src/protocol/deltas/splices.ts'
import type { Json } from '../../src/protocol/index.ts'

/** Whole characters, pairs among them, so that a place between two is a place between units. */
const characters = fc.array(fc.constantFrom('a', 'b', 'c', '\n', '🙂', 'é'), { maxLength: 12 })
const text = characters.map((each) => each.join(''))
const bytes = fc.uint8Array({ maxLength: 12 })
const list = fc.array(fc.oneof(fc.integer(), fc.constant({ a: [1] }), fc.string(), fc.constant(null)), { maxLength: 8 })
const content: fc.Arbitrary<Content> = fc.oneof(text, bytes, list as fc.Arbitrary<readonly Json[]>)

function like(value: Content): fc.Arbitrary<Content> {
  return typeof value === 'string' ? text : value instanceof Uint8Array ? bytes : (list as fc.Arbitrary<readonly Json[]>)
}

/** Places where a content can be cut. */
function places(value: Content): number[] {
  const all = Array.from({ length: value.length + 1 }, (_, place) => place)
  return all.filter((place) => typeof value !== 'string' || value.slice(0, place).isWellFormed())
}

/** A change of this content. */
function change(value: Content): fc.Arbitrary<Splices> {
  const cuts = places(value)
  return fc
    .tuple(fc.subarray(cuts, { maxLength: Math.min(6, cuts.length) }), fc.array(like(value), { minLength: 4, maxLength: 4 }))
    .map(([chosen, contents]) => {
      const splices = []
      for (let i = 0; i < chosen.length; i += 2) {
        const offset = chosen[i] as number
        const removed = (chosen[i + 1] ?? offset) - offset
        const inserted = contents[i / 2] as Content
        if (removed > 0 || inserted.length > 0) splices.push({ offset, removed, inserted: inserted.length === 0 ? undefined : inserted })
      }
      return readDeltas(writeDeltas(splices))
    })
}

const changed = content.chain((before) => fc.record({ before: fc.constant(before), splices: change(before) }))
const twice = changed.chain((first) => fc.record({ first: fc.constant(first), second: change(splice(first.before, first.splices)) }))
const atOnce = content.chain((before) => fc.record({ before: fc.constant(before), a: change(before), b: change(before) }))

describe('splices', () => {
  test('[D4] composing has the effect of one after the other', () => {
    fc.assert(
      fc.property(twice, ({ first: { before, splices }, second }) => {
        expect(splice(before, compose(splices, second))).toEqual(splice(splice(before, splices), second))
      }),
    )
  })

  test('[D4] composing is associative in its effect, and by halves the same', () => {
    const thrice = twice.chain(({ first, second }) =>
      fc.record({
        before: fc.constant(first.before),
        all: change(splice(splice(first.before, first.splices), second)).map((third) => [first.splices, second, third]),
      }),
    )
    fc.assert(
      fc.property(thrice, ({ before, all: [a, b, c] }) => {
        const [first, second, third] = [a as Splices, b as Splices, c as Splices]
        const expected = splice(splice(splice(before, first), second), third)
        expect(splice(before, compose(first, compose(second, third)))).toEqual(expected)
        expect(splice(before, compose(compose(first, second), third))).toEqual(expected)
        expect(splice(before, composeAll([first, second, third]))).toEqual(expected)
      }),
    )
  })

  test('[D5] transforming leads both ways to the same content', () => {
    fc.assert(
      fc.property(atOnce, ({ before, a, b }) => {
        const aThenB = splice(splice(before, a), transform(b, a, 'later'))
        const bThenA = splice(splice(before, b), transform(a, b, 'earlier'))
        expect(bThenA).toEqual(aThenB)
      }),
    )
  })

  test('[D5] transforming loses nothing that was put in', () => {
    fc.assert(
      fc.property(fc.tuple(fc.nat(6), fc.nat(6), fc.nat(6), fc.nat(6)), ([x, y, m, n]) => {
        const before = 'abcdefghijkl'
        const a = [{ offset: x, removed: m, inserted: '1' }]
        const b = [{ offset: y, removed: n, inserted: '2' }]
        const after = splice(splice(before, a), transform(b, a, 'later'))
        expect(after).toContain('1')
        expect(after).toContain('2')
      }),
    )
  })

  test('[D5] transforming over a composition is transforming over its parts', () => {
    const chain = twice.chain(({ first, second }) =>
      fc.record({ first: fc.constant(first), second: fc.constant(second), other: change(first.before) }),
    )
    fc.assert(
      fc.property(chain, ({ first: { before, splices }, second, other }) => {
        const whole = splice(splice(splice(before, splices), second), transform(other, compose(splices, second), 'later'))
        const byParts = transform(transform(other, splices, 'later'), second, 'later')
        expect(splice(splice(splice(before, splices), second), byParts).length).toBe(whole.length)
      }),
    )
  })

  test('[D4] the inverse takes a change back', () => {
    fc.assert(
      fc.property(changed, ({ before, splices }) => {
        const after = splice(before, splices)
        expect(splice(after, invert(splices, before))).toEqual(before)
      }),
    )
  })

  test('[D4] a change and its inverse leave nothing that changes', () => {
    fc.assert(
      fc.property(changed, ({ before, splices }) => {
        expect(splice(before, compose(splices, invert(splices, before)))).toEqual(before)
      }),
    )
  })

  test('[D6] the difference leads from one content to the other, and cuts no pair', () => {
    const pair = content.chain((before) => fc.record({ before: fc.constant(before), after: like(before) }))
    fc.assert(
      fc.property(pair, ({ before, after }) => {
        const splices = diff(before, after)
        expect(splice(before, splices)).toEqual(after)
        expect(fits(before, splices)).toBe(true)
        expect(problemOfDeltas(writeDeltas(splices))).toBeUndefined()
      }),
    )
  })

  test('[D6] the difference of a small change in much is small', () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index} of a file that is not so small\n`)
    const before = lines.join('')
    lines[12_345] = 'another line\n'
    const after = `x${lines.join('')}`
    const splices = diff(before, after)
    expect(splice(before, splices)).toBe(after)
    expect(splices.reduce((sum, { removed, inserted }) => sum + removed + (inserted?.length ?? 0), 0)).toBeLessThan(80)
    const encoder = new TextEncoder()
    expect(splice(encoder.encode(before), diff(encoder.encode(before), encoder.encode(after)))).toEqual(encoder.encode(after))
  })

  test('[D6] what differs altogether is one splice, found in no time', () => {
    const [before, after] = ['a'.repeat(300_000), 'b'.repeat(200_000)]
    expect(diff(before, after)).toEqual([{ offset: 0, removed: 300_000, inserted: after }])
  })

  test('[D3] deltas and splices say the same', () => {
    fc.assert(
      fc.property(changed, ({ before, splices }) => {
        const deltas = writeDeltas(splices)
        expect(problemOfDeltas(deltas)).toBeUndefined()
        expect(readDeltas(deltas)).toEqual(splices)
        for (const { values = '' } of deltas as readonly { readonly values?: unknown }[]) expect(String(values).isWellFormed()).toBe(true)
        if (typeof before === 'string') expect(applyDeltas(before, deltas)).toBe(splice(before, splices as Splices<string>))
      }),
    )
  })

  test('a place moves with what it stands in', () => {
    const splices = [
      { offset: 2, removed: 0, inserted: 'xx' },
      { offset: 5, removed: 3, inserted: 'y' },
    ]
    expect([0, 1, 2, 3, 5, 6, 8, 9].map((place) => movePlace(place, splices))).toEqual([0, 1, 2, 5, 7, 8, 8, 9])
    expect(movePlace(2, splices, 'right')).toBe(4)
  })
})
