/**
 * The wire as literal texts, asserted both ways: what each text means, and, for what this project encodes itself,
 * that the value is written as exactly this text. Who changes the wire changes this table.
 */
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../src/protocol/codes.ts'
import { parseJson } from '../../src/protocol/decode.ts'
import { decodeClientFrame, decodeServerFrame } from '../../src/protocol/frames.ts'
import { seqMax } from '../../src/protocol/limits.ts'
import { checkPublish, encodeEvent, type Publish } from '../../src/protocol/publish.ts'
import { decodeSlice } from '../../src/protocol/slice.ts'
import { refusedFrame } from '../../src/server/problem.ts'

const insert = {
  counter: 1,
  seen: -1,
  type: 'insert',
  collection: 'tasks',
  identifier: 't1',
  values: { title: 'Milk', tags: [null, true, 1.5] },
}
const insertText =
  '{"counter":1,"seen":-1,"type":"insert","collection":"tasks","identifier":"t1","values":{"title":"Milk","tags":[null,true,1.5]}}'
const remove = { counter: 2, seen: 0, type: 'delete', collection: 'tasks', identifier: 't1' }
const removeText = '{"counter":2,"seen":0,"type":"delete","collection":"tasks","identifier":"t1"}'

const publishes: readonly [name: string, text: string, value: unknown][] = [
  ['of a client', `{"client":"c:1","drafts":[${insertText},${removeText}]}`, { client: 'c:1', drafts: [insert, remove] }],
  [
    'of a script, which has no counters and need not have seen anything',
    '{"drafts":[{"type":"update","collection":"tasks","identifier":"t1","values":{}}]}',
    { drafts: [{ seen: -1, type: 'update', collection: 'tasks', identifier: 't1', values: {} }] },
  ],
  [
    'with both preconditions and an epoch',
    `{"client":"c","expect":{"latestSeq":-1,"unchanged":true},"epoch":"8c1f","drafts":[${insertText}]}`,
    { client: 'c', expect: { latestSeq: -1, unchanged: true }, epoch: '8c1f', drafts: [insert] },
  ],
  [
    'with preconditions of single drafts, and a version of the model',
    `{"client":"c","drafts":[${insertText.slice(0, -1)},"version":2,"expect":{"unchanged":true}},${removeText.slice(0, -1)},"expect":{"unchanged":["title","done"]}}]}`,
    {
      client: 'c',
      drafts: [
        { ...insert, version: 2, expect: { unchanged: true } },
        { ...remove, expect: { unchanged: ['title', 'done'] } },
      ],
    },
  ],
  ['with an empty precondition', `{"client":"c","expect":{},"drafts":[${insertText}]}`, { client: 'c', expect: {}, drafts: [insert] }],
]

const clientFrames: readonly [name: string, text: string, value: unknown][] = [
  [
    'publish',
    `{"type":"publish","ref":7,"client":"c","drafts":[${insertText}]}`,
    { type: 'publish', ref: 7, publish: { client: 'c', drafts: [insert] } },
  ],
  [
    'publish with expect and epoch',
    `{"type":"publish","ref":0,"client":"c","drafts":[${removeText}],"expect":{"unchanged":true},"epoch":"e"}`,
    { type: 'publish', ref: 0, publish: { client: 'c', drafts: [remove], expect: { unchanged: true }, epoch: 'e' } },
  ],
  ['fetch', '{"type":"fetch","ref":1,"seq":[[10,14]]}', { type: 'fetch', ref: 1, seq: [[10, 14]] }],
  [
    'fetch of ranges in disorder, as a set',
    `{"type":"fetch","ref":2,"seq":[[30,${seqMax}],[4,9],[3,5]]}`,
    {
      type: 'fetch',
      ref: 2,
      seq: [
        [3, 9],
        [30, seqMax],
      ],
    },
  ],
  ['token', '{"type":"token","token":"a.b.c"}', { type: 'token', token: 'a.b.c' }],
  ['whisper', '{"type":"whisper","client":"c","data":{"cursor":[1,2]}}', { type: 'whisper', client: 'c', data: { cursor: [1, 2] } }],
]

const eventText =
  '{"seq":17,"client":"c","counter":4,"seen":16,"type":"update","collection":"tasks","identifier":"t1","values":{"done":true}}'
const event = { seq: 17, client: 'c', counter: 4, seen: 16, type: 'update', collection: 'tasks', identifier: 't1', values: { done: true } }
const sliceText = `{"epoch":"e","latestSeq":19,"covers":[[17,17]],"events":[\n${eventText}]}`
const slice = { epoch: 'e', latestSeq: 19, covers: [[17, 17]], events: [event] }
const emptySliceText = '{"epoch":null,"latestSeq":-1,"covers":[],"events":[\n]}'
const emptySlice = { epoch: null, latestSeq: -1, covers: [], events: [] }

const serverFrames: readonly [name: string, text: string, value: unknown][] = [
  [
    'welcome to an empty tape',
    '{"type":"welcome","epoch":null,"latestSeq":-1,"expiresInMs":3600000}',
    { type: 'welcome', epoch: null, latestSeq: -1, expiresInMs: 3_600_000 },
  ],
  [
    'welcome with what follows',
    '{"type":"welcome","epoch":"e","latestSeq":9,"expiresInMs":1,"follows":[[4,9]]}',
    { type: 'welcome', epoch: 'e', latestSeq: 9, expiresInMs: 1, follows: [[4, 9]] },
  ],
  [
    'welcome to a client that has published nothing',
    '{"type":"welcome","epoch":null,"latestSeq":-1,"expiresInMs":1,"counter":0}',
    { type: 'welcome', epoch: null, latestSeq: -1, expiresInMs: 1, counter: 0 },
  ],
  [
    'welcome to a client that has',
    '{"type":"welcome","epoch":"e","latestSeq":9,"expiresInMs":1,"counter":4,"follows":[[4,9]]}',
    { type: 'welcome', epoch: 'e', latestSeq: 9, expiresInMs: 1, counter: 4, follows: [[4, 9]] },
  ],
  [
    'welcome with the mark of the newest row',
    '{"type":"welcome","epoch":"e","latestSeq":9,"mark":"9.a1b2c3.abcdefghij-","expiresInMs":1}',
    { type: 'welcome', epoch: 'e', latestSeq: 9, mark: '9.a1b2c3.abcdefghij-', expiresInMs: 1 },
  ],
  [
    'slice with the mark of the newest row',
    `{"type":"slice","epoch":"e","latestSeq":9,"mark":"9.a1b2c3.abcdefghij-","covers":[],"events":[]}`,
    { type: 'slice', epoch: 'e', latestSeq: 9, mark: '9.a1b2c3.abcdefghij-', covers: [], events: [] },
  ],
  ['slice', `{"type":"slice",${sliceText.slice(1)}`, { type: 'slice', ...slice }],
  ['slice that answers a frame', `{"type":"slice","ref":3,${emptySliceText.slice(1)}`, { type: 'slice', ref: 3, ...emptySlice }],
  [
    'refused',
    '{"type":"refused","ref":5,"code":"counter-skipped","title":"T","hint":"H","expected":3,"counter":9}',
    { type: 'refused', ref: 5, code: 'counter-skipped', title: 'T', hint: 'H', expected: 3, counter: 9 },
  ],
  [
    'refused with conflicts',
    '{"type":"refused","code":"expect-failed","at":"a","detail":"d","latestSeq":9,"epoch":null,"conflicts":[[3,4],[6,6]]}',
    {
      type: 'refused',
      code: 'expect-failed',
      at: 'a',
      detail: 'd',
      latestSeq: 9,
      epoch: null,
      conflicts: [
        [3, 4],
        [6, 6],
      ],
    },
  ],
  [
    'refused by a rule of the application',
    '{"type":"refused","ref":5,"code":"rejected","reason":"sold-out","detail":"d","counter":4}',
    { type: 'refused', ref: 5, code: 'rejected', reason: 'sold-out', detail: 'd', counter: 4 },
  ],
  ['token', '{"type":"token","expiresInMs":3600000}', { type: 'token', expiresInMs: 3_600_000 }],
  ['whisper', '{"type":"whisper","client":"c","data":[1,null]}', { type: 'whisper', client: 'c', data: [1, null] }],
]

describe('the wire, text by text', () => {
  test.each(publishes)('[P1][P6] a publish %s', (_, text, value) => {
    expect(checkPublish(parseJson(text))).toEqual(value)
  })

  test.each(clientFrames)('[L5] a %s frame from a client', (_, text, value) => {
    expect(decodeClientFrame(text)).toEqual(value)
  })

  test.each(serverFrames)('[L1] a frame from the server: %s', (_, text, value) => {
    expect(decodeServerFrame(text)).toEqual(value)
    // Stored lines stand behind a line break, which is the one thing that JSON.stringify writes otherwise.
    expect(JSON.stringify(value)).toBe(text.replace('"events":[\n', '"events":['))
  })

  test.each([
    ['with an event', sliceText, slice],
    ['of an empty tape', emptySliceText, emptySlice],
    [
      'of a tape under an epoch, with nothing in it',
      '{"epoch":"e","latestSeq":4,"covers":[],"events":[]}',
      { epoch: 'e', latestSeq: 4, covers: [], events: [] },
    ],
  ])('[S1][S4] a slice %s', (_, text, value) => {
    expect(decodeSlice(text)).toEqual(value)
    expect(JSON.stringify(value)).toBe(text.replace('"events":[\n', '"events":['))
  })

  test.each<[name: string, seq: number, client: string | undefined, draft: Publish['drafts'][number], text: string]>([
    [
      'of a client',
      17,
      'c',
      { counter: 4, seen: 16, type: 'update', collection: 'tasks', identifier: 't1', values: { done: true } },
      eventText,
    ],
    [
      'of a script',
      0,
      undefined,
      { seen: -1, type: 'delete', collection: 'a"b', identifier: 'ü\n' },
      '{"seq":0,"seen":-1,"type":"delete","collection":"a\\"b","identifier":"ü\\n"}',
    ],
    [
      'with the version of its model, and without the precondition that it came with',
      5,
      'c',
      { counter: 2, seen: 4, type: 'update', collection: 'x', identifier: 'y', version: 3, values: {}, expect: { unchanged: ['a'] } },
      '{"seq":5,"client":"c","counter":2,"seen":4,"type":"update","collection":"x","identifier":"y","version":3,"values":{}}',
    ],
    [
      'with values of every kind, on one line',
      1,
      'c',
      {
        counter: 1,
        seen: 0,
        type: 'insert',
        collection: 'x',
        identifier: 'y',
        values: { s: '\r\n\u2028😀', n: -1.5e300, o: { a: [[]] }, z: null, f: false },
      },
      '{"seq":1,"client":"c","counter":1,"seen":0,"type":"insert","collection":"x","identifier":"y","values":{"s":"\\r\\n\u2028😀","n":-1.5e+300,"o":{"a":[[]]},"z":null,"f":false}}',
    ],
  ])('[T2][N4][E3] an event %s, as it is stored and sent', (_, seq, client, draft, text) => {
    expect(encodeEvent(seq, client, draft)).toBe(text)
    expect(text).not.toContain('\n')
    const [decoded] = decodeSlice(`{"epoch":"e","latestSeq":${seq},"covers":[[${seq},${seq}]],"events":[\n${text}]}`).events
    const { expect: _expect, ...event } = draft
    expect(decoded).toEqual({ seq, ...(client === undefined ? {} : { client }), ...event })
  })

  test('[L5] a refusal as a frame', () => {
    expect(refusedFrame(new Refusal('seen-ahead', { latestSeq: 3, counter: 2 }), 9)).toBe(
      '{"type":"refused","ref":9,"code":"seen-ahead","title":"The draft claims to have seen events that are not on the tape.","hint":"seen is at most latestSeq; read the stream state, its epoch may have changed.","latestSeq":3,"counter":2}',
    )
  })

  test('[X3] a rejection as a frame', () => {
    expect(refusedFrame(new Refusal('rejected', { reason: 'sold-out', detail: 'No seats left.', counter: 2 }), 9)).toBe(
      '{"type":"refused","ref":9,"code":"rejected","title":"A rule of this application does not allow the change.","hint":"`reason` is the application’s own code for it. Change the draft, or discard it.","reason":"sold-out","detail":"No seats left.","counter":2}',
    )
  })

  test.each([
    'ping',
    '',
    'null',
    '[]',
    '{}',
    '{"type":"pong"}',
    '{"type":"publish"}',
    '{"type":"slice","epoch":"e","latestSeq":0,"covers":[[0]],"events":[]}',
    '{"type":"slice","epoch":"e","latestSeq":0,"covers":[[0,0]],"events":[{}]}',
    '{"type":"slice","epoch":7,"latestSeq":0,"covers":[],"events":[]}',
    '{"type":"slice","epoch":"e","latestSeq":-2,"covers":[],"events":[]}',
    '{"type":"welcome","epoch":"e","latestSeq":0}',
    '{"type":"welcome","epoch":"e","latestSeq":0,"expiresInMs":1,"counter":-1}',
    '{"type":"welcome","epoch":"e","latestSeq":0,"expiresInMs":1,"counter":1.5}',
    '{"type":"welcome","epoch":"e","latestSeq":0,"expiresInMs":1,"counter":null}',
    '{"type":"refused","code":"no-such-code"}',
    '{"type":"refused","ref":-1,"code":"invalid"}',
    '{"type":"token","expiresInMs":null}',
  ])('[L1] a client does not take %j for a frame of the server', (text) => {
    expect(() => decodeServerFrame(text)).toThrow(Refusal)
  })

  test('[S2] a reader skips members that a later server adds', () => {
    expect(decodeSlice('{"epoch":"e","latestSeq":0,"covers":[],"events":[],"more":1}')).toEqual({
      epoch: 'e',
      latestSeq: 0,
      covers: [],
      events: [],
    })
    expect(decodeServerFrame('{"type":"token","expiresInMs":1,"more":1}')).toEqual({ type: 'token', expiresInMs: 1 })
  })
})
