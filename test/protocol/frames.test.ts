/** What is no frame: each refused with its code, and with its `ref` where it had one that can be read. */
import { describe, expect, test } from 'vitest'
import { decodeClientFrame, RefusedFrame } from '../../src/protocol/frames.ts'

function refusalOf(message: string | ArrayBuffer): { code: string; ref: number | undefined; at: string | undefined } {
  try {
    decodeClientFrame(message)
  } catch (error) {
    if (error instanceof RefusedFrame) return { code: error.refusal.code, ref: error.ref, at: error.refusal.details.at }
    throw error
  }
  return { code: 'none', ref: undefined, at: undefined }
}

const draft = '{"counter":1,"seen":-1,"type":"insert","collection":"x","identifier":"y","values":{}}'
const deep = '['.repeat(300_000) + ']'.repeat(300_000)

describe('a frame from a client', () => {
  test.each<[code: string, ref: number | undefined, text: string]>([
    ['malformed-json', undefined, ''],
    ['malformed-json', undefined, ' ping'],
    ['malformed-json', undefined, '{"type":"fetch","ref":1,"seq":[[0,1]]'],
    ['malformed-json', undefined, '{"type":"fetch","ref":1,"seq":[[0,NaN]]}'],
    ['malformed-json', undefined, "{'type':'fetch'}"],
    ['malformed-json', undefined, '{}{}'],
    ['unknown-frame', undefined, 'null'],
    ['unknown-frame', undefined, '[]'],
    ['unknown-frame', undefined, '"publish"'],
    ['unknown-frame', undefined, '7'],
    ['unknown-frame', undefined, '{}'],
    ['unknown-frame', 4, '{"ref":4}'],
    ['unknown-frame', 4, '{"type":"subscribe","ref":4}'],
    ['unknown-frame', undefined, '{"type":"welcome"}'],
    ['unknown-frame', undefined, '{"type":["publish"]}'],
    ['unknown-frame', undefined, '{"type":"__proto__"}'],
    ['invalid', 5, `{"type":"publish","ref":5,"client":"c","drafts":[]}`],
    ['invalid', undefined, `{"type":"publish","client":"c","drafts":[${draft}]}`],
    ['invalid', undefined, `{"type":"publish","ref":-1,"client":"c","drafts":[${draft}]}`],
    ['invalid', undefined, `{"type":"publish","ref":1.5,"client":"c","drafts":[${draft}]}`],
    ['invalid', undefined, `{"type":"publish","ref":"1","client":"c","drafts":[${draft}]}`],
    ['invalid', undefined, `{"type":"publish","ref":9007199254740992,"client":"c","drafts":[${draft}]}`],
    ['invalid', 1, `{"type":"publish","ref":1,"client":"c","drafts":[${draft}],"more":1}`],
    ['invalid', 1, `{"type":"publish","ref":1,"client":"c","drafts":[${draft}],"__proto__":{}}`],
    ['invalid', 1, `{"type":"publish","ref":1,"client":"c","drafts":[${draft.replace('}}', '},"version":0}')}]}`],
    ['invalid', 1, `{"type":"publish","ref":1,"client":"c","drafts":[${draft.replace('}}', '},"expect":{"unchanged":[]}}')}]}`],
    ['counter-order', 1, `{"type":"publish","ref":1,"client":"c","drafts":[${draft},${draft}]}`],
    ['invalid', undefined, '{"type":"fetch","seq":[[0,1]]}'],
    ['invalid', 1, '{"type":"fetch","ref":1}'],
    ['invalid', 1, '{"type":"fetch","ref":1,"seq":"0-1"}'],
    ['invalid', 1, '{"type":"fetch","ref":1,"seq":[[0]]}'],
    ['invalid', 1, '{"type":"fetch","ref":1,"seq":[[0,1,2]]}'],
    ['invalid', 1, '{"type":"fetch","ref":1,"seq":[["0",1]]}'],
    ['invalid', 1, '{"type":"fetch","ref":1,"seq":[[0,null]]}'],
    ['invalid', 1, '{"type":"fetch","ref":1,"seq":[[0,1]],"fold":1}'],
    ['bad-ranges', 1, '{"type":"fetch","ref":1,"seq":[[1,0]]}'],
    ['bad-ranges', 1, '{"type":"fetch","ref":1,"seq":[[-1,0]]}'],
    ['bad-ranges', 1, '{"type":"fetch","ref":1,"seq":[[0,0.5]]}'],
    ['bad-ranges', 1, '{"type":"fetch","ref":1,"seq":[[0,1e999]]}'],
    ['bad-ranges', 1, '{"type":"fetch","ref":1,"seq":[[0,9007199254740992]]}'],
    ['invalid', undefined, '{"type":"token"}'],
    ['invalid', undefined, '{"type":"token","token":7}'],
    ['invalid', undefined, '{"type":"whisper","client":"c d","data":1}'],
    ['invalid', undefined, '{"type":"whisper","data":1}'],
    ['invalid', undefined, '{"type":"whisper","client":"c"}'],
    ['invalid', 3, '{"type":"whisper","client":"c","data":1,"ref":3}'],
    ['lone-surrogate', undefined, '{"type":"whisper","client":"c","data":"\\ud800"}'],
    ['forbidden-key', undefined, '{"type":"whisper","client":"c","data":{"\\u005f_proto__":1}}'],
    ['number-range', undefined, '{"type":"whisper","client":"c","data":1e999}'],
    ['too-large', undefined, `{"type":"whisper","client":"c","data":"${'x'.repeat(5000)}"}`],
  ])('[L5] is refused with %s, ref %j: %s', (code, ref, text) => {
    expect(refusalOf(text)).toMatchObject({ code, ref })
  })

  test.each([
    ['a publish', 1, `{"type":"publish","ref":1,"client":"c","drafts":[${draft.replace('{}', `{"a":${deep}}`)}]}`],
    ['a whisper', undefined, `{"type":"whisper","client":"c","data":${deep}}`],
  ])('[L5][N4] nested 300,000 levels deep is too-deep: %s', (_, ref, text) => {
    expect(refusalOf(text)).toMatchObject({ code: 'too-deep', ref })
  })

  test('[L5] that is nested deeply where nothing belongs is refused as any other', () => {
    expect(refusalOf(deep).code).toBe('unknown-frame')
    expect(refusalOf(`{"type":${deep},"ref":8}`)).toMatchObject({ code: 'unknown-frame', ref: 8 })
    expect(refusalOf(`{"type":"fetch","ref":8,"seq":${deep}}`).ref).toBe(8)
    expect(refusalOf(`{"type":"publish","ref":8,"client":"c","drafts":${deep}}`).code).toBe('invalid')
  })

  test('[L5] that is binary is refused', () => {
    expect(refusalOf(new ArrayBuffer(0)).code).toBe('binary-frame')
    expect(refusalOf(new TextEncoder().encode('{"type":"fetch","ref":1,"seq":[[0,1]]}').buffer)).toMatchObject({
      code: 'binary-frame',
      ref: undefined,
    })
  })
})
