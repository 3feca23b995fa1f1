/** Parts of a tape: what is said to be held is held, whatever is wanted one after the other, and nothing of use is forgotten. */
import { describe, expect, test } from 'vitest'
import { blankTape, type LocalTape, type TapePart } from '../../src/client/index.ts'
import { account } from '../../src/client/tape/local-tape.ts'
import { missingOfLeaving, orderOf, partsOf, retarget, selectionOf, withParts } from '../../src/client/tape/parts.ts'
import { everything, includes, type ObjectFilter, type Slice } from '../../src/protocol/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'

/** An object of a collection that has had some values. */
interface Thing {
  readonly collection: string
  readonly tags: readonly string[]
}

const collections = ['a', 'b']
const tags = ['x', 'y', 'z']
const things: readonly Thing[] = collections.flatMap((collection) =>
  Array.from({ length: 8 }, (_, bits) => ({ collection, tags: tags.filter((_each, index) => (bits & (1 << index)) !== 0) })),
)

function belongs({ collection, tag }: ObjectFilter, thing: Thing): boolean {
  return collection?.includes(thing.collection) !== false && tag?.some((each) => thing.tags.includes(each)) !== false
}

function isOwn(parts: readonly TapePart[], index: number, thing: Thing): boolean {
  const { any, except } = selectionOf(parts, index)
  return any.some((filter) => belongs(filter, thing)) && !except.some((filter) => belongs(filter, thing))
}

const end = 9

function sliceOf(first: number, last: number): Slice {
  return { epoch: 'e', latestSeq: end, covers: [[first, last]], events: [] }
}

describe('parts of a tape', () => {
  test('[C21] what is accounted for is held, whatever was wanted before', () => {
    let held = 0
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed)
      const someFilter = (): ObjectFilter => ({
        ...(random.chance(0.3) ? { collection: [random.pick(collections)] } : {}),
        ...(random.chance(0.7) ? { tag: random.chance(0.3) ? ['x', 'y'] : [random.pick(tags)] } : {}),
      })
      let tape: LocalTape = { ...blankTape, epoch: 'e', latestSeq: end }
      const given = new Set<string>()
      const missing: string[] = []
      for (let step = 0; step < 12; step++) {
        if (random.chance(0.4)) tape = retarget(tape, Array.from({ length: 1 + random.below(3) }, someFilter)).tape
        const parts = partsOf(tape)
        const first = random.below(end + 1)
        const last = Math.min(end, first + random.below(5))
        const index = tape.parts === undefined || random.chance(0.3) ? undefined : random.below(parts.length)
        const came = things.filter((thing) => parts.some((_, at) => (index ?? at) === at && isOwn(parts, at, thing)))
        for (const thing of came) for (let seq = first; seq <= last; seq++) given.add(`${things.indexOf(thing)} ${seq}`)
        tape = account(tape, sliceOf(first, last), index).tape
        for (const [at, { accounted }] of partsOf(tape).entries()) {
          const needed = things.filter((thing) => isOwn(partsOf(tape), at, thing)).map((thing) => things.indexOf(thing))
          for (let seq = 0; seq <= end; seq++) {
            if (!includes(accounted, seq)) continue
            held++
            for (const place of needed) if (!given.has(`${place} ${seq}`)) missing.push(`step ${step}: ${place} ${seq}`)
          }
        }
      }
      expect(missing, `seed ${seed}`).toEqual([])
    }
    expect(held).toBeGreaterThan(10_000)
  })

  const tagged = (...values: string[]): ObjectFilter => ({ tag: values })
  const part = (filter: ObjectFilter, last: number): TapePart => ({ filter, accounted: last < 0 ? [] : [[0, last]] })
  const having = (...parts: TapePart[]) => withParts({ ...blankTape, epoch: 'e', latestSeq: end }, parts)

  test('[C21] to want more keeps what is held, and takes only the rest on', () => {
    const before = having(part(tagged('x'), 5))
    expect(retarget(before, [tagged('y'), tagged('x')]).tape.parts).toEqual([part(tagged('x'), 5), part(tagged('y'), -1)])
    expect(retarget(before, [everything])).toEqual({ tape: having(part(tagged('x'), 5), part(everything, -1)), isNarrower: false })
  })

  test('[C21] to want less keeps what is held of it', () => {
    expect(retarget(having(part(everything, 5)), [tagged('x')])).toEqual({ tape: having(part(tagged('x'), 5)), isNarrower: true })
    expect(retarget(having(part(tagged('x'), end), part(tagged('y'), 5)), [tagged('y')]).tape.parts).toEqual([part(tagged('y'), 5)])
  })

  test('[C21] what another part may have taken with it is not held', () => {
    const [x, y] = [part(tagged('x'), end - 1), part(tagged('y'), end)]
    expect(retarget(having(x, y), [tagged('y')]).tape.parts).toEqual([{ filter: tagged('y'), accounted: [] }])
    expect(retarget(having(y, x), [tagged('y')]).tape.parts).toEqual([y])
    expect([missingOfLeaving(having(x, y), [tagged('y')]), missingOfLeaving(having(y, x), [tagged('y')])]).toEqual([1, 0])
  })

  test('[C21] what is urgent of what is being read is read first, and ends in the whole', () => {
    const { tape } = retarget(having(part(everything, 3)), [tagged('x'), everything])
    expect(tape.parts).toEqual([part(tagged('x'), 3), part(everything, 3)])
    const first = account(tape, sliceOf(4, end), 0).tape
    expect(first).toMatchObject({ accounted: [[0, 3]], parts: [part(tagged('x'), end), part(everything, 3)] })
    expect(account(first, sliceOf(4, end), 1).tape).toEqual({ epoch: 'e', latestSeq: end, accounted: [[0, end]] })
  })

  test('[C21] the order in which they are wanted is not that in which they are held', () => {
    const { parts = [] } = having(part(tagged('x'), 1), part(tagged('y'), 1), part(tagged('z'), 1))
    expect(orderOf(parts, [tagged('z'), tagged('x')])).toEqual([2, 0, 1])
  })
})
