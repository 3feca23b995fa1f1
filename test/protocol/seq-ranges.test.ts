/** Sets of seqs as ranges, held against the naive model: a Set of numbers. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../src/protocol/codes.ts'
import { rangesMax, seqMax } from '../../src/protocol/limits.ts'
import {
  checkRange,
  countSeqs,
  formatSeqs,
  holesUpTo,
  includes,
  intersect,
  normalize,
  parseSeqs,
  type SeqRange,
  type SeqRanges,
  seenOf,
  subtract,
  union,
} from '../../src/protocol/seq-ranges.ts'

const runs = { seed: 20_261_117, numRuns: 500 }
const top = 60

const anyRange: fc.Arbitrary<SeqRange> = fc.tuple(fc.nat(top), fc.nat(top)).map(([a, b]): SeqRange => [Math.min(a, b), Math.max(a, b)])
const anyRanges = fc.array(anyRange, { maxLength: 12 })
const anySet = anyRanges.map(normalize)

function numbersOf(ranges: SeqRanges): Set<number> {
  const numbers = new Set<number>()
  for (const [first, last] of ranges) for (let seq = first; seq <= last; seq++) numbers.add(seq)
  return numbers
}

/** The only list of ranges that this set of numbers may be written as. */
function rangesOf(numbers: ReadonlySet<number>): SeqRange[] {
  const ranges: [number, number][] = []
  for (const seq of [...numbers].sort((a, b) => a - b)) {
    const open = ranges.at(-1)
    if (open !== undefined && open[1] === seq - 1) open[1] = seq
    else ranges.push([seq, seq])
  }
  return ranges
}

function refusalOf(run: () => unknown): { code: string; at: string | undefined } {
  try {
    run()
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code, at: error.details.at }
    throw error
  }
  return { code: 'none', at: undefined }
}

describe('sets of seqs', () => {
  test('[S1] normalize makes ranges rise and stand apart, whatever order and overlap they come in', () => {
    fc.assert(
      fc.property(anyRanges, (ranges) => {
        const before = structuredClone(ranges)
        expect(normalize(ranges)).toEqual(rangesOf(numbersOf(ranges)))
        expect(ranges).toEqual(before)
      }),
      runs,
    )
  })

  test('[S2] union, subtract and intersect are those of sets', () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        const [inA, inB] = [numbersOf(a), numbersOf(b)]
        expect(union(a, b)).toEqual(rangesOf(inA.union(inB)))
        expect(subtract(a, b)).toEqual(rangesOf(inA.difference(inB)))
        expect(intersect(a, b)).toEqual(rangesOf(inA.intersection(inB)))
      }),
      runs,
    )
  })

  test('[S2] union takes live ranges one by one at its end', () => {
    fc.assert(
      fc.property(anySet, anyRange, (a, range) => {
        expect(union(a, [range])).toEqual(rangesOf(numbersOf([...a, range])))
        const shifted: SeqRange = [range[0] + top + 1, range[1] + top + 1]
        expect(union(a, [shifted])).toEqual(rangesOf(numbersOf([...a, shifted])))
      }),
      runs,
    )
  })

  test('[S2] includes, countSeqs, holesUpTo and seenOf say what the set says', () => {
    fc.assert(
      fc.property(anySet, fc.integer({ min: -1, max: top }), (set, latestSeq) => {
        const numbers = numbersOf(set)
        for (let seq = 0; seq <= top + 1; seq++) expect(includes(set, seq)).toBe(numbers.has(seq))
        expect(countSeqs(set)).toBe(numbers.size)
        const tape = new Set(Array.from({ length: latestSeq + 1 }, (_, seq) => seq))
        expect(holesUpTo(set, latestSeq)).toEqual(rangesOf(tape.difference(numbers)))
        let seen = -1
        while (numbers.has(seen + 1)) seen++
        expect(seenOf(set)).toBe(seen)
      }),
      runs,
    )
  })
})

describe('ranges in an address', () => {
  test('[H2] formatSeqs and parseSeqs are inverse, open end included', () => {
    fc.assert(
      fc.property(
        anySet.filter((set) => set.length > 0),
        fc.boolean(),
        (set, isOpen) => {
          const ranges = isOpen ? union(set, [[top * 2, seqMax]]) : set
          expect(parseSeqs(formatSeqs(ranges))).toEqual(ranges)
        },
      ),
      runs,
    )
  })

  test.each<[text: string, ranges: SeqRanges]>([
    ['0', [[0, 0]]],
    [
      '10-14,17,30-',
      [
        [10, 14],
        [17, 17],
        [30, seqMax],
      ],
    ],
    [
      '30-,17,10-14',
      [
        [10, 14],
        [17, 17],
        [30, seqMax],
      ],
    ],
    ['3-5,4-9,10', [[3, 10]]],
    ['007-08', [[7, 8]]],
    ['5-5', [[5, 5]]],
    [`0-${seqMax}`, [[0, seqMax]]],
    [`${seqMax}`, [[seqMax, seqMax]]],
    [`${seqMax - 1}-${seqMax},0-`, [[0, seqMax]]],
  ])('[H2] parseSeqs reads %s', (text, ranges) => {
    expect(parseSeqs(text)).toEqual(ranges)
  })

  test.each([
    '',
    ',',
    '-',
    '1-2-3',
    '5-4',
    '-1',
    '-5',
    '1.5',
    '1e3',
    '0x10',
    ' 1',
    '1 ',
    '1, 2',
    '+1',
    '１',
    '1-2,',
    ',1',
    'a',
    'NaN',
    'Infinity',
    '--',
    '1--2',
    '9007199254740992',
    '1-9007199254740992',
    '99999999999999999',
    '1\n',
    '[1,2]',
  ])('[H3][N2] parseSeqs refuses %j', (text) => {
    expect(refusalOf(() => parseSeqs(text))).toEqual({ code: 'bad-ranges', at: 'seq' })
  })

  test('[N5] parseSeqs takes 1,000 ranges and not one more', () => {
    const text = (count: number) => Array.from({ length: count }, (_, i) => `${2 * i}`).join(',')
    expect(parseSeqs(text(rangesMax))).toHaveLength(1000)
    expect(refusalOf(() => parseSeqs(text(rangesMax + 1)))).toEqual({ code: 'too-many', at: 'seq' })
  })

  test.each([
    [-1, 0],
    [0, -1],
    [1.5, 2],
    [0, 0.5],
    [3, 2],
    [0, 2 ** 53],
    [2 ** 53, 2 ** 53],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
  ])('[H3][N2] checkRange refuses %d to %d', (first, last) => {
    expect(refusalOf(() => checkRange(first, last))).toEqual({ code: 'bad-ranges', at: 'seq' })
  })

  test('[N2] checkRange takes the first and the last seq there can be', () => {
    expect(checkRange(0, seqMax)).toEqual([0, seqMax])
    expect(checkRange(seqMax, seqMax)).toEqual([seqMax, seqMax])
  })
})
