/** What no tape would take: everything that is refused of a publish before the tape is looked at. */
import { describe, expect, test } from 'vitest'
import { Refusal, type RefusalDetails } from '../../src/protocol/codes.ts'
import { parseJson } from '../../src/protocol/decode.ts'
import { seqMax } from '../../src/protocol/limits.ts'
import { checkedCopy, checkPublish, encodeEvent } from '../../src/protocol/publish.ts'

const good = { counter: 1, seen: -1, type: 'insert', collection: 'tasks', identifier: 't1', values: { a: 1 } }

function refusalOf(run: () => unknown): { code: string } & RefusalDetails {
  try {
    run()
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code, ...error.details }
    throw error
  }
  return { code: 'none' }
}

const refusalOfBody = (body: unknown) => refusalOf(() => checkPublish(body))
const refusalOfDraft = (change: object) => refusalOfBody({ client: 'c', drafts: [{ ...good, ...change }] })
const refusalOfValues = (text: string) =>
  refusalOf(() =>
    checkPublish(
      parseJson(`{"client":"c","drafts":[{"counter":1,"seen":-1,"type":"insert","collection":"x","identifier":"y","values":${text}}]}`),
    ),
  )

describe('a publish', () => {
  test.each([
    null,
    true,
    3,
    'text',
    [],
    [good],
    {},
    { client: 'c' },
    { client: 'c', drafts: null },
    { client: 'c', drafts: {} },
    { client: 'c', drafts: [] },
  ])('[E2] that is %j is invalid', (body) => {
    expect(refusalOfBody(body).code).toBe('invalid')
  })

  test.each<[member: string, value: unknown]>([
    ['counter', 0],
    ['counter', -1],
    ['counter', 1.5],
    ['counter', '1'],
    ['counter', null],
    ['counter', undefined],
    ['counter', seqMax + 1],
    ['counter', Number.POSITIVE_INFINITY],
    ['counter', 1e300],
    ['seen', -2],
    ['seen', 0.5],
    ['seen', '0'],
    ['seen', null],
    ['seen', undefined],
    ['seen', seqMax + 1],
    ['type', 'upsert'],
    ['type', 'INSERT'],
    ['type', ''],
    ['type', 1],
    ['type', null],
    ['type', undefined],
    ['type', 'toString'],
    ['collection', ''],
    ['collection', 'x'.repeat(201)],
    ['collection', 7],
    ['collection', null],
    ['collection', undefined],
    ['collection', ['x']],
    ['identifier', ''],
    ['identifier', 'x'.repeat(201)],
    ['identifier', 7],
    ['identifier', null],
    ['identifier', undefined],
    ['identifier', {}],
    ['values', undefined],
    ['values', null],
    ['values', []],
    ['values', [1]],
    ['values', 'x'],
    ['values', 3],
    ['values', true],
    ['version', 0],
    ['version', -1],
    ['version', 1.5],
    ['version', 1e9],
    ['version', '2'],
    ['version', null],
    ['version', [2]],
    ['expect', null],
    ['expect', true],
    ['expect', 'unchanged'],
    ['deltas', []],
    ['seq', 4],
    ['client', 'c'],
    ['toString', 1],
    ['constructor', {}],
    ['hasOwnProperty', 1],
  ])('[E2][N2][N3] with a draft whose %s is %j is invalid, and says where', (member, value) => {
    const draft: Record<string, unknown> = { ...good, [member]: value }
    if (value === undefined) delete draft[member]
    const refusal = refusalOfBody({ client: 'c', drafts: [good, { ...draft, ...(member === 'counter' ? {} : { counter: 2 }) }] })
    expect(refusal).toMatchObject({ code: 'invalid', at: `drafts[1].${member}` })
    expect(refusal.detail).not.toBe('')
  })

  test.each<[at: string, value: unknown]>([
    ['unchanged', {}],
    ['unchanged', []],
    ['unchanged', { latestSeq: 3 }],
    ['unchanged', { unchanged: false }],
    ['unchanged', { unchanged: null }],
    ['unchanged', { unchanged: 'title' }],
    ['unchanged', { unchanged: [] }],
    ['unchanged', { unchanged: [7] }],
    ['unchanged', { unchanged: ['title', null] }],
    ['unchanged', { unchanged: { 0: 'title', length: 1 } }],
    ['more', { unchanged: true, more: 1 }],
    ['latestSeq', { unchanged: true, latestSeq: 3 }],
  ])('[X1][E2] with a draft whose expect has a wrong member %s is invalid, and says where: %j', (at, value) => {
    expect(refusalOfBody({ client: 'c', drafts: [good, { ...good, counter: 2, expect: value }] })).toMatchObject({
      code: 'invalid',
      at: `drafts[1].expect.${at}`,
    })
  })

  test('[X1] a draft may expect, with a client or without, whatever the fields are called', () => {
    for (const unchanged of [true, ['title'], ['', 'title', 'title', '__proto__', 'constructor', 'ü😀']]) {
      expect(refusalOfDraft({ expect: { unchanged } }).code).toBe('none')
      const { counter: _, ...anonymous } = good
      expect(refusalOfBody({ drafts: [{ ...anonymous, expect: { unchanged } }] }).code).toBe('none')
    }
  })

  test('[E2] a delete has no values, and an update has some', () => {
    expect(refusalOfDraft({ type: 'delete' })).toMatchObject({ code: 'invalid', at: 'drafts[0].values', counter: 1 })
    expect(refusalOfDraft({ type: 'delete', values: undefined }).code).toBe('none')
    expect(refusalOfDraft({ type: 'update', values: undefined })).toMatchObject({ code: 'invalid', at: 'drafts[0].values' })
    expect(refusalOfDraft({ type: 'update', values: {} }).code).toBe('none')
  })

  test.each<[member: string, value: unknown]>([
    ['more', 1],
    ['ref', 1],
    ['type', 'publish'],
    ['toString', 1],
    ['__proto__', { client: 'x' }],
    ['expect', null],
    ['expect', []],
    ['expect', true],
    ['expect', { latestSeq: '3' }],
    ['expect', { latestSeq: -2 }],
    ['expect', { latestSeq: 1.5 }],
    ['expect', { unchanged: false }],
    ['expect', { more: 1 }],
    ['epoch', null],
    ['epoch', 3],
    ['client', ''],
    ['client', null],
    ['client', 3],
    ['client', 'a b'],
    ['client', 'ü'],
    ['client', 'a/b'],
    ['client', 'x'.repeat(65)],
    ['client', '"'],
    ['client', '\n'],
    ['client', 'a\n'],
  ])('[E2][N3] whose %s is %j is invalid', (member, value) => {
    const body = Object.fromEntries([
      ['client', 'c'],
      ['drafts', [good]],
    ])
    Object.defineProperty(body, member, { value, enumerable: true, configurable: true, writable: true })
    const refusal = refusalOfBody(body)
    expect(refusal.code).toBe('invalid')
    expect(refusal.at).toMatch(new RegExp(`^${member}`))
  })

  test('[P6] without a client has no counters', () => {
    const { counter: _, ...anonymous } = good
    expect(checkPublish({ drafts: [anonymous] })).toEqual({ drafts: [anonymous] })
    expect(refusalOfBody({ drafts: [good] })).toMatchObject({ code: 'invalid', at: 'drafts[0].counter' })
  })

  test.each([
    [[1, 1], 1],
    [[1, 3], 1],
    [[2, 1], 1],
    [[1, 2, 3, 5], 3],
    [[7, 8, 8], 2],
    [[seqMax, seqMax], 1],
    [[5, 6, 4], 2],
  ])('[P3] whose counters are %j is refused at draft %i', (counters, at) => {
    const refusal = refusalOfBody({ client: 'c', drafts: counters.map((counter) => ({ ...good, counter })) })
    expect(refusal).toEqual({
      code: 'counter-order',
      at: `drafts[${at}].counter`,
      counter: counters[at],
      expected: (counters[at - 1] ?? 0) + 1,
    })
  })

  test('[P3][N2] may begin at any counter, and end at the last there is', () => {
    expect(
      refusalOfBody({
        client: 'c',
        drafts: [
          { ...good, counter: seqMax - 1 },
          { ...good, counter: seqMax },
        ],
      }).code,
    ).toBe('none')
  })
})

describe('values', () => {
  test.each([
    ['lone-surrogate', '{"a":"\\ud800"}'],
    ['lone-surrogate', '{"a":"x\\udfffy"}'],
    ['lone-surrogate', '{"a":"\\udc00\\ud800"}'],
    ['lone-surrogate', '{"a":{"\\ud800":1}}'],
    ['lone-surrogate', '{"\\udbff":1}'],
    ['lone-surrogate', '{"a":[["\\ud83d"]]}'],
    ['lone-surrogate', '{"a":"\ud83d"}'],
    ['forbidden-key', '{"__proto__":1}'],
    ['forbidden-key', '{"\\u005f_proto__":{}}'],
    ['forbidden-key', '{"a":{"b":[{"__proto__":null}]}}'],
    ['forbidden-key', '{"a":{"\\u005f\\u005fproto\\u005f\\u005f":1}}'],
    ['number-range', '{"a":1e999}'],
    ['number-range', '{"a":[-1e999]}'],
    ['number-range', '{"a":{"b":1e309}}'],
  ])('[N4] are refused with %s: %s', (code, text) => {
    expect(refusalOfValues(text)).toEqual({ code, at: 'drafts[0].values', detail: expect.any(String), counter: 1 })
  })

  test.each(['\ud800', 'a\udc00', '\udc00\ud800'])('[N4] names are well-formed, too: %j', (name) => {
    expect(refusalOfDraft({ collection: name })).toEqual({
      code: 'lone-surrogate',
      at: 'drafts[0].collection',
      detail: 'Half a surrogate pair.',
      counter: 1,
    })
    expect(refusalOfDraft({ identifier: name })).toEqual({
      code: 'lone-surrogate',
      at: 'drafts[0].identifier',
      detail: 'Half a surrogate pair.',
      counter: 1,
    })
  })

  test('[N4] nest 64 levels and not one more', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
    expect(refusalOfValues(nested(64)).code).toBe('none')
    expect(refusalOfValues(nested(65))).toMatchObject({ code: 'too-deep', counter: 1 })
    expect(refusalOfValues(nested(200_000)).code).toBe('too-deep')
    expect(refusalOfValues(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`).code).toBe('too-deep')
  })

  test.each([
    '{"a":"\\ud83d\\ude00","😀":1}',
    '{"constructor":1,"toString":2,"proto":3,"prototype":{}}',
    '{"":"","\\u0000":"\\u0000\\uffff"}',
    '{"a":5e-324,"b":1.7976931348623157e308,"c":9007199254740993}',
    '{"b":1,"a":2,"b":3}',
    '{}',
  ])('[N4] come back as they were sent: %s', (text) => {
    const { drafts } = checkPublish({ client: 'c', drafts: [{ ...good, values: JSON.parse(text) }] })
    expect(drafts[0]?.values).toEqual(JSON.parse(text))
  })

  test('[N4] −0 comes back as 0', () => {
    const [draft] = checkPublish(JSON.parse('{"drafts":[{"type":"insert","collection":"x","identifier":"y","values":{"a":-0}}]}')).drafts
    expect(draft && encodeEvent(0, undefined, draft)).toContain('"values":{"a":0}')
  })

  test('[N4][E2] a mistake of the application shows where it makes the change', () => {
    const change = { type: 'insert', collection: 'x', identifier: 'y', values: { a: 1 } } as const
    expect(refusalOf(() => checkedCopy(change)).code).toBe('none')
    expect(refusalOf(() => checkedCopy({ ...change, identifier: '' }))).toMatchObject({ code: 'invalid', at: 'identifier' })
    expect(refusalOf(() => checkedCopy({ ...change, values: { a: Number.NaN } }))).toMatchObject({ code: 'number-range' })
    expect(refusalOf(() => checkedCopy({ type: 'update', collection: 'x', identifier: 'y' })).code).toBe('invalid')
    expect(refusalOf(() => checkedCopy({ ...change, values: { a: 'x'.repeat(256 * 1024) } })).code).toBe('too-large')
    const undefinedValue: Record<string, unknown> = { a: undefined }
    expect(refusalOf(() => checkPublish({ client: 'c', drafts: [{ ...good, values: undefinedValue }] }))).toMatchObject({ code: 'invalid' })
  })
})
