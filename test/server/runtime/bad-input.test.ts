/**
 * Bad publishes, at both doors: each gets its code and a hint, nothing on the tape changes, nobody else hears of it,
 * and the socket stays open.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { batchBytesMax, eventBytesMax, frameBytesMax } from '../../../src/protocol/limits.ts'
import { call, insert, LiveSocket, publish } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { tapeOf } from './objects.ts'

const stream = 'bad-input'
let token = ''
let socket: LiveSocket
let listener: LiveSocket
let before = ''

beforeAll(async () => {
  token = await testToken()
  await publish(stream, { client: 'a', drafts: [insert(1), insert(2), insert(3)] }, token)
  await publish(stream, { client: 'taken', drafts: [insert(1)] }, await testToken({ sub: 'user-2' }))
  for (let i = 0; i < 3; i++) {
    const drafts = Array.from({ length: 400 }, (_, n) => ({ type: 'update', collection: 'other', identifier: `x${n}`, values: {} }))
    await publish(stream, { drafts }, token)
  }
  socket = await LiveSocket.open(stream, { token })
  listener = await LiveSocket.open(stream, { token })
  await socket.next()
  await listener.next()
  before = await tapeOf(stream)
})

interface Said {
  readonly code: string
  readonly hint: string
  readonly [member: string]: unknown
}

/** What the HTTP door says to a body. */
async function overHttp(body: BodyInit): Promise<Said> {
  const answer = await call(`/v1/streams/${stream}/events`, {
    method: 'POST',
    body,
    token,
    headers: { 'Content-Type': 'application/json' },
  })
  const problem = await answer.json<Said & { status: number }>()
  expect([answer.headers.get('Content-Type'), answer.status]).toEqual(['application/problem+json', problem.status])
  return problem
}

/** What the socket says to a frame, and that it goes on. */
async function overSocket(frame: unknown): Promise<Said> {
  socket.send(frame)
  const said = await socket.next()
  expect(said.type).toBe('refused')
  socket.send({ type: 'fetch', ref: 99, seq: [[0, 0]] })
  expect(await socket.next()).toMatchObject({ type: 'slice', ref: 99, covers: [[0, 0]], latestSeq: 1203 })
  return said as unknown as Said
}

async function expectNothingChanged(): Promise<void> {
  expect(await tapeOf(stream)).toBe(before)
  listener.send({ type: 'fetch', ref: 98, seq: [[0, 0]] })
  expect(await listener.next()).toMatchObject({ ref: 98, latestSeq: 1203 })
}

/** The publish with this text, at both doors. */
async function expectRefused(text: string, code: string, members: object = {}): Promise<void> {
  const expected = { code, title: expect.any(String), hint: expect.stringMatching(/./), ...members }
  expect(await overHttp(text)).toMatchObject(expected)
  expect(await overSocket(text.replace('{', '{"type":"publish","ref":7,'))).toMatchObject({ ...expected, ref: 7 })
  await expectNothingChanged()
}

const good = insert(4)
const batch = (drafts: readonly object[], more: object = {}) => JSON.stringify({ client: 'a', drafts, ...more })
const withValues = (values: string) =>
  `{"client":"a","drafts":[{"counter":4,"seen":-1,"type":"insert","collection":"tasks","identifier":"x","values":${values}}]}`
const deep = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`

describe('what no tape would take', () => {
  test.each<[title: string, code: string, text: string, members?: object]>([
    ['[E2] no drafts', 'invalid', '{"client":"a"}', { at: 'drafts' }],
    ['[E2] an empty batch', 'invalid', batch([]), { at: 'drafts' }],
    ['[E2] drafts of the wrong type', 'invalid', '{"client":"a","drafts":{"0":1}}', { at: 'drafts' }],
    ['[E2] a draft that is null', 'invalid', batch([good, null as unknown as object]), { at: 'drafts[1]' }],
    ['[E2] a member that is unknown', 'invalid', batch([good], { more: 1 }), { at: 'more' }],
    ['[E2] a draft with deltas', 'invalid', batch([{ ...good, deltas: [] }]), { at: 'drafts[0].deltas' }],
    ['[E2] a draft with a seq', 'invalid', batch([{ ...good, seq: 3 }]), { at: 'drafts[0].seq' }],
    ['[E2] a type that is unknown', 'invalid', batch([{ ...good, type: 'upsert' }]), { at: 'drafts[0].type' }],
    ['[E2] no identifier', 'invalid', batch([{ ...good, identifier: undefined }]), { at: 'drafts[0].identifier' }],
    ['[E2] no values', 'invalid', batch([{ ...good, values: undefined }]), { at: 'drafts[0].values' }],
    ['[E2] a delete with values', 'invalid', batch([{ ...good, type: 'delete' }]), { at: 'drafts[0].values' }],
    ['[E2] values that are a list', 'invalid', withValues('[1]'), { at: 'drafts[0].values' }],
    ['[E2] expect with a member that is unknown', 'invalid', batch([good], { expect: { seq: 3 } }), { at: 'expect.seq' }],
    [
      '[E2] __proto__ beside the drafts',
      'invalid',
      `{"client":"a","__proto__":{"x":1},"drafts":[${JSON.stringify(good)}]}`,
      { at: '__proto__' },
    ],
    ['[N2] a counter of 0', 'invalid', batch([{ ...good, counter: 0 }]), { at: 'drafts[0].counter' }],
    [
      '[N2] a counter beyond 2^53 − 1',
      'invalid',
      batch([good]).replace('"counter":4', '"counter":9007199254740992'),
      { at: 'drafts[0].counter' },
    ],
    ['[N2] a counter of 1e999', 'invalid', batch([good]).replace('"counter":4', '"counter":1e999'), { at: 'drafts[0].counter' }],
    ['[N2] a seen of −2', 'invalid', batch([{ ...good, seen: -2 }]), { at: 'drafts[0].seen' }],
    ['[N3] a client id with a space', 'invalid', JSON.stringify({ client: 'a b', drafts: [good] }), { at: 'client' }],
    ['[N3] a client id of 65 characters', 'invalid', JSON.stringify({ client: 'a'.repeat(65), drafts: [good] }), { at: 'client' }],
    ['[N3] an identifier of 201 units', 'invalid', batch([{ ...good, identifier: 'x'.repeat(201) }]), { at: 'drafts[0].identifier' }],
    ['[N3] an empty collection', 'invalid', batch([{ ...good, collection: '' }]), { at: 'drafts[0].collection' }],
    ['[N4] half a pair, escaped', 'lone-surrogate', withValues('{"a":"\\ud800"}'), { at: 'drafts[0].values', counter: 4 }],
    ['[N4] half a pair in a key', 'lone-surrogate', withValues('{"\\udc00":1}'), { counter: 4 }],
    [
      '[N4] half a pair in the identifier',
      'lone-surrogate',
      batch([good]).replace('task-4', 'task-\\ud83d'),
      { at: 'drafts[0].identifier' },
    ],
    ['[N4] half a pair in the collection', 'lone-surrogate', batch([good]).replace('"tasks"', '"\\udfff"'), { at: 'drafts[0].collection' }],
    ['[N4] __proto__ as a key', 'forbidden-key', withValues('{"__proto__":{"admin":true}}'), { at: 'drafts[0].values' }],
    ['[N4] __proto__ as a key, escaped and deep', 'forbidden-key', withValues('{"a":[{"\\u005f\\u005fproto\\u005f_":1}]}')],
    ['[N4] a number that overflows', 'number-range', withValues('{"a":-1e999}')],
    ['[N4] 65 levels', 'too-deep', withValues(deep(64))],
    ['[N4] 200,000 levels', 'too-deep', withValues(deep(200_000))],
    ['[N5] 1,001 drafts', 'too-many', batch(Array.from({ length: 1001 }, (_, i) => insert(4 + i))), { at: 'drafts' }],
    ['[N5] an event of more than 256 KiB', 'too-large', batch([{ ...good, values: { a: 'x'.repeat(eventBytesMax) } }]), { counter: 4 }],
    [
      '[N5] an event that is too large only in UTF-8',
      'too-large',
      batch([good, { ...insert(5), values: { a: '€'.repeat(eventBytesMax / 3) } }]),
      { counter: 5 },
    ],
    ['[P3] a counter that comes twice', 'counter-order', batch([good, good]), { at: 'drafts[1].counter', expected: 5, counter: 4 }],
    ['[P3] a counter that falls', 'counter-order', batch([good, insert(3)]), { expected: 5, counter: 3 }],
    ['[P3] a counter that skips inside the batch', 'counter-order', batch([good, insert(6)]), { expected: 5, counter: 6 }],
    ['[P6] a counter without a client', 'invalid', JSON.stringify({ drafts: [good] }), { at: 'drafts[0].counter' }],
  ])('%s', async (_, code, text, members) => {
    await expectRefused(text, code, members)
  })
})

describe('what this tape does not take', () => {
  test.each<[title: string, code: string, text: string, members?: object]>([
    ['[P2] a counter that skips', 'counter-skipped', batch([insert(5)]), { expected: 4, counter: 5 }],
    [
      '[P2] a counter of a client that has not begun',
      'counter-skipped',
      JSON.stringify({ client: 'new', drafts: [insert(2)] }),
      { expected: 1 },
    ],
    ['[P2] the last counter there is', 'counter-skipped', batch([insert(Number.MAX_SAFE_INTEGER)]), { expected: 4 }],
    ['[P4] a seen above the tape', 'seen-ahead', batch([insert(4, { seen: 1204 })]), { latestSeq: 1203, counter: 4 }],
    ['[P4] a seen of 2^53 − 1', 'seen-ahead', batch([insert(4, { seen: Number.MAX_SAFE_INTEGER })]), { latestSeq: 1203 }],
    ['[P4] a later seen above the tape', 'seen-ahead', batch([good, insert(5, { seen: 9999 })]), { counter: 5 }],
    ['[P5] another user’s client', 'client-taken', JSON.stringify({ client: 'taken', drafts: [insert(2)] })],
    ['[P9] another end of the tape', 'expect-failed', batch([good], { expect: { latestSeq: 1202 } }), { latestSeq: 1203 }],
    [
      '[P9] an object that another has changed',
      'expect-failed',
      batch(
        [insert(4, { seen: 1000, identifier: 'x399' })].map((d) => ({ ...d, collection: 'other' })),
        { expect: { unchanged: true } },
      ),
      { latestSeq: 1203, conflicts: [[1203, 1203]] },
    ],
    [
      '[P9] unchanged since too long',
      'catch-up-first',
      batch([insert(4, { seen: 202 })], { expect: { unchanged: true } }),
      { latestSeq: 1203 },
    ],
    ['[P10] another epoch', 'wrong-epoch', batch([good], { epoch: 'other' }), { epoch: expect.stringMatching(/^[0-9a-f-]{13}$/) }],
  ])('%s', async (_, code, text, members) => {
    await expectRefused(text, code, members)
  })
})

describe('what is no publish at all', () => {
  test.each<[title: string, body: string | Uint8Array<ArrayBuffer>]>([
    ['[H10] an empty body', ''],
    ['[H10] half a body', '{"client":"a","drafts":['],
    ['[H10] two values', '{}{}'],
    ['[H10] NaN', '{"client":"a","drafts":NaN}'],
    ['[H10] a comment', `/* */${batch([good])}`],
    ['[H10] bytes that are not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
    [
      '[H10] half a pair in UTF-8',
      new TextEncoder()
        .encode(withValues('{"a":"@@@"}'))
        .map((byte, i, all) => (byte === 64 ? ([0xed, 0xa0, 0x80][i - all.indexOf(64)] ?? byte) : byte)),
    ],
    ['[H10] UTF-16', new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00])],
    ['[H10] a gzipped body', new Uint8Array([0x1f, 0x8b, 0x08, 0x00, 0x00])],
    ['[H10] zeros', new Uint8Array(1000)],
  ])('%s is malformed-json over HTTP', async (_, body) => {
    expect(await overHttp(body)).toMatchObject({ code: 'malformed-json', status: 400, hint: expect.stringMatching(/./) })
    await expectNothingChanged()
  })

  test.each(['null', '[]', '"text"', '7', 'true', '[[]]', '['.repeat(100_000) + ']'.repeat(100_000)])(
    '[E2][H10] %s is invalid over HTTP',
    async (body) => {
      expect(await overHttp(body)).toMatchObject({ code: 'invalid', status: 400 })
      await expectNothingChanged()
    },
  )

  test('[N5] a body of more than 1 MiB, declared or streamed', async () => {
    const padded = (bytes: number) => batch([insert(9)]).padEnd(bytes, ' ')
    expect(await overHttp(padded(batchBytesMax))).toMatchObject({ code: 'counter-skipped' })
    expect(await overHttp(padded(batchBytesMax + 1))).toMatchObject({ code: 'too-large', status: 413 })
    const streamed = new Response(padded(batchBytesMax + 1)).body
    expect(await overHttp(streamed ?? '')).toMatchObject({ code: 'too-large', status: 413 })
    await expectNothingChanged()
  })

  test.each<[title: string, code: string, frame: string | ArrayBuffer, ref?: number]>([
    ['[L5] an empty frame', 'malformed-json', ''],
    ['[L5] half a frame', 'malformed-json', '{"type":"fetch","ref":1'],
    ['[L5] PING', 'malformed-json', 'PING'],
    ['[L5] null', 'unknown-frame', 'null'],
    ['[L5] a list', 'unknown-frame', '[{"type":"fetch"}]'],
    ['[L5] a type that is unknown', 'unknown-frame', '{"type":"subscribe","ref":3}', 3],
    ['[L5] a type of the server', 'unknown-frame', '{"type":"slice","ref":3,"covers":[],"events":[]}', 3],
    ['[L5] no type', 'unknown-frame', '{"ref":3}', 3],
    ['[L5] a binary frame', 'binary-frame', new Uint8Array([0x7b, 0x7d]).buffer],
    ['[L5] an empty binary frame', 'binary-frame', new ArrayBuffer(0)],
    ['[L5] a publish without ref', 'invalid', `{"type":"publish",${batch([good]).slice(1)}`],
    ['[L5][H3] a reversed range', 'bad-ranges', '{"type":"fetch","ref":3,"seq":[[5,3]]}', 3],
    ['[L5][H3] a range that is not whole', 'bad-ranges', '{"type":"fetch","ref":3,"seq":[[0,0.5]]}', 3],
    ['[L5][H3] a range beyond every seq', 'bad-ranges', '{"type":"fetch","ref":3,"seq":[[0,1e999]]}', 3],
    [
      '[L5][N5] 1,001 ranges',
      'too-many',
      JSON.stringify({ type: 'fetch', ref: 3, seq: Array.from({ length: 1001 }, (_, i) => [2 * i, 2 * i]) }),
      3,
    ],
    ['[L5][N5] a frame of more than 1 MiB', 'too-large', '{"type":"fetch","ref":3,"seq":[[0,0]]}'.padEnd(frameBytesMax + 1, ' ')],
    ['[L6][N5] a whisper of more than 4 KiB', 'too-large', JSON.stringify({ type: 'whisper', client: 'a', data: 'x'.repeat(4096) })],
    [
      '[L6][N4] a whisper nested 300,000 levels deep',
      'too-deep',
      `{"type":"whisper","client":"a","data":${'['.repeat(300_000)}${']'.repeat(300_000)}}`,
    ],
    ['[L6][N4] a whisper with half a pair', 'lone-surrogate', '{"type":"whisper","client":"a","data":"\\udead"}'],
    ['[L6] a whisper without data', 'invalid', '{"type":"whisper","client":"a"}'],
    ['[L7] a token frame without a token', 'invalid', '{"type":"token"}'],
    ['[L7] a token frame with a bad one', 'token-invalid', '{"type":"token","token":"a.b.c"}'],
    ['[L7] a token frame with none', 'token-missing', '{"type":"token","token":""}'],
  ])('%s is refused on the socket', async (_, code, frame, ref) => {
    const said = await overSocket(frame)
    expect(said).toMatchObject({ code, hint: expect.stringMatching(/./) })
    expect(said.ref).toBe(ref)
    await expectNothingChanged()
  })

  test('[H10][L5] after all of it the good one is taken at both doors', async () => {
    expect(await (await publish(stream, batch([good]), token)).json()).toMatchObject({ seqs: [[1204, 1204]] })
    expect(await socket.next()).toMatchObject({ covers: [[1204, 1204]] })
    socket.send({ type: 'publish', ref: 1, client: 'a', drafts: [insert(5)] })
    expect(await socket.next()).toMatchObject({ type: 'slice', covers: [[1205, 1205]] })
  })
})
