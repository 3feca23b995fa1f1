/** Every bound of the protocol: at the bound it is taken, one beyond it is refused. */
import { describe, expect, test } from 'vitest'
import { type Code, Refusal } from '../../src/protocol/codes.ts'
import { checkSize, utf8Length } from '../../src/protocol/decode.ts'
import { decodeClientFrame, RefusedFrame } from '../../src/protocol/frames.ts'
import * as limits from '../../src/protocol/limits.ts'
import { checkPublish, encodeEvent } from '../../src/protocol/publish.ts'

function outcome(run: () => unknown): Code | 'taken' {
  try {
    run()
    return 'taken'
  } catch (error) {
    if (error instanceof Refusal) return error.code
    if (error instanceof RefusedFrame) return error.refusal.code
    throw error
  }
}

const draft = { counter: 1, seen: -1, type: 'insert', collection: 'x', identifier: 'y', values: {} } as const
const publishOf = (change: object) => () => checkPublish({ client: 'c', drafts: [{ ...draft, ...change }] })
const frameOf = (frame: unknown) => () => decodeClientFrame(JSON.stringify(frame))

describe('limits', () => {
  test('[N5][N2][C1] are those of PROTOCOL.md', () => {
    expect({ ...limits }).toEqual({
      seqMax: 2 ** 53 - 1,
      eventBytesMax: 262_144,
      batchBytesMax: 1_048_576,
      batchDraftsMax: 1000,
      frameBytesMax: 1_048_576,
      jsonDepthMax: 64,
      nameLengthMax: 200,
      streamNameLengthMax: 200,
      clientLengthMax: 64,
      deltasMax: 1000,
      subLengthMax: 200,
      rangesMax: 1000,
      pageEvents: 4096,
      whisperBytesMax: 4096,
      whispersPerSecondMax: 30,
      waitSecondsMax: 55,
      tokenLengthMax: 8192,
      versionMax: 1_000_000,
      expectedFieldsMax: 100,
      reasonLengthMax: 64,
      reasonTextMax: 200,
    })
  })

  test('[N3] names have 200 UTF-16 units', () => {
    for (const name of ['x'.repeat(200), '😀'.repeat(100), 'ü'.repeat(200)]) {
      expect(outcome(publishOf({ collection: name, identifier: name }))).toBe('taken')
      expect(outcome(publishOf({ collection: `${name}x` }))).toBe('invalid')
      expect(outcome(publishOf({ identifier: `${name}x` }))).toBe('invalid')
    }
  })

  test('[N3] a client id has 64 characters', () => {
    const as = (client: string) => () => checkPublish({ client, drafts: [draft] })
    expect(outcome(as('aZ09._:-'.repeat(8)))).toBe('taken')
    expect(outcome(as('a'.repeat(65)))).toBe('invalid')
  })

  test('[N5] a batch has 1,000 drafts', () => {
    const batch = (count: number) => () =>
      checkPublish({ client: 'c', drafts: Array.from({ length: count }, (_, i) => ({ ...draft, counter: i + 1 })) })
    expect(outcome(batch(1000))).toBe('taken')
    expect(outcome(batch(1001))).toBe('too-many')
  })

  test('[N5] an event has 256 KiB as stored, in bytes of UTF-8', () => {
    const bare = utf8Length(encodeEvent(0, 'c', { ...draft, values: { a: '' } }))
    for (const [unit, bytes] of [
      ['x', 1],
      ['ü', 2],
      ['€', 3],
      ['\n', 2],
      ['😀', 4],
    ] as const) {
      const room = limits.eventBytesMax - bare
      const text = unit.repeat(Math.floor(room / bytes)) + 'x'.repeat(room % bytes)
      expect(utf8Length(encodeEvent(0, 'c', { ...draft, values: { a: text } }))).toBe(limits.eventBytesMax)
      expect(outcome(() => encodeEvent(0, 'c', { ...draft, values: { a: `${text}x` } }))).toBe('too-large')
      expect(outcome(() => encodeEvent(10, 'c', { ...draft, values: { a: text } }))).toBe('too-large')
    }
  })

  test('[N5] a frame has 1 MiB', () => {
    const padded = (bytes: number) => JSON.stringify({ type: 'fetch', ref: 1, seq: [[0, 1]] }).padEnd(bytes, ' ')
    expect(outcome(() => decodeClientFrame(padded(limits.frameBytesMax)))).toBe('taken')
    expect(outcome(() => decodeClientFrame(padded(limits.frameBytesMax + 1)))).toBe('too-large')
    expect(outcome(() => decodeClientFrame(`${padded(limits.frameBytesMax - 1)}€`))).toBe('too-large')
  })

  test('[N5] a fetch has 1,000 ranges', () => {
    const ranges = (count: number) => Array.from({ length: count }, (_, i) => [2 * i, 2 * i])
    expect(outcome(frameOf({ type: 'fetch', ref: 1, seq: ranges(1000) }))).toBe('taken')
    expect(outcome(frameOf({ type: 'fetch', ref: 1, seq: ranges(1001) }))).toBe('too-many')
    expect(outcome(frameOf({ type: 'fetch', ref: 1, seq: [] }))).toBe('invalid')
  })

  test('[N5][L6] a whisper has 4 KiB', () => {
    const bare = utf8Length(JSON.stringify({ type: 'whisper', client: 'c', data: '' }))
    const whisper = (bytes: number) => frameOf({ type: 'whisper', client: 'c', data: '€'.repeat(500) + 'x'.repeat(bytes - bare - 1500) })
    expect(outcome(whisper(limits.whisperBytesMax))).toBe('taken')
    expect(outcome(whisper(limits.whisperBytesMax + 1))).toBe('too-large')
  })

  test('[A3] a token has 8,192 characters', () => {
    expect(outcome(frameOf({ type: 'token', token: 'x'.repeat(8192) }))).toBe('taken')
    expect(outcome(frameOf({ type: 'token', token: 'x'.repeat(8193) }))).toBe('invalid')
  })

  test('[E3] a version has seven digits at most', () => {
    expect(outcome(publishOf({ version: 1_000_000 }))).toBe('taken')
    expect(outcome(publishOf({ version: 1_000_001 }))).toBe('invalid')
  })

  test('[X1] a draft names 100 fields that nobody else is to have written', () => {
    const unchanged = (count: number) => publishOf({ expect: { unchanged: Array.from({ length: count }, (_, i) => `f${i}`) } })
    expect(outcome(unchanged(100))).toBe('taken')
    expect(outcome(unchanged(101))).toBe('too-many')
  })

  test('[N5] sizes are bytes of UTF-8, counted as an encoder counts them', () => {
    for (const text of ['', 'x', 'ü', '€', '😀', 'a\u0000\u07ff\u0800\uffff😀', '\u{10ffff}'.repeat(3)]) {
      const bytes = new TextEncoder().encode(text).length
      expect(utf8Length(text)).toBe(bytes)
      expect(outcome(() => checkSize(text, bytes))).toBe('taken')
      if (bytes > 0) expect(outcome(() => checkSize(text, bytes - 1))).toBe('too-large')
    }
  })
})
