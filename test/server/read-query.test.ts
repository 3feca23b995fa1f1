/** What a GET asks for: read the same way by the Worker and by the object. */
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../src/protocol/codes.ts'
import { seqMax } from '../../src/protocol/limits.ts'
import type { SeqRanges } from '../../src/protocol/seq-ranges.ts'
import { liveQueryOf, readQueryOf } from '../../src/server/read-query.ts'

function queryOf(search: string, headers: Record<string, string> = {}) {
  return readQueryOf(new Request(`https://tapeline.example/v1/streams/s/events${search}`, { headers }))
}

function liveOf(search: string) {
  return liveQueryOf(new Request(`https://tapeline.example/v1/streams/s/live${search}`))
}

function refusalOf(search: string, read: (search: string) => unknown = queryOf): { code: string; at: string | undefined } {
  try {
    read(search)
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code, at: error.details.at }
    throw error
  }
  return { code: 'none', at: undefined }
}

describe('a read', () => {
  test.each<[search: string, ranges: SeqRanges]>([
    ['', [[0, seqMax]]],
    ['?after=9', [[10, seqMax]]],
    ['?after=-1', [[0, seqMax]]],
    [`?after=${seqMax - 1}`, [[seqMax, seqMax]]],
    [
      '?seq=10-14,17,30-',
      [
        [10, 14],
        [17, 17],
        [30, seqMax],
      ],
    ],
    [
      '?seq=10-14%2C17',
      [
        [10, 14],
        [17, 17],
      ],
    ],
    ['?seq=5,3,4,4', [[3, 5]]],
  ])('[H2] asks with %j for the ranges it says', (search, ranges) => {
    expect(queryOf(search).ranges).toEqual(ranges)
  })

  test.each<[search: string, code: string, at: string]>([
    ['?seq=', 'bad-ranges', 'seq'],
    ['?seq=5-3', 'bad-ranges', 'seq'],
    ['?seq=a', 'bad-ranges', 'seq'],
    ['?seq=1%2C', 'bad-ranges', 'seq'],
    ['?seq=1+2', 'bad-ranges', 'seq'],
    ['?seq=%EF%BC%91', 'bad-ranges', 'seq'],
    ['?seq=%00', 'bad-ranges', 'seq'],
    ['?seq=%FF', 'bad-ranges', 'seq'],
    ['?after=', 'bad-ranges', 'after'],
    ['?after=-2', 'bad-ranges', 'after'],
    ['?after=1.5', 'bad-ranges', 'after'],
    ['?after=x', 'bad-ranges', 'after'],
    ['?after=1-', 'bad-ranges', 'after'],
    [`?after=${seqMax}`, 'bad-ranges', 'after'],
    ['?after=99999999999999999', 'bad-ranges', 'after'],
    ['?after=%2D1%20', 'bad-ranges', 'after'],
    ['?after=-0', 'bad-ranges', 'after'],
    ['?seq=1&after=1', 'bad-query', 'after'],
    ['?seq=1&seq=2', 'bad-query', 'seq'],
    ['?epoch=a&epoch=a', 'bad-query', 'epoch'],
    ['?fold=yes', 'bad-query', 'fold'],
    ['?SEQ=1', 'bad-query', 'SEQ'],
    ['?seq%20=1', 'bad-query', 'seq '],
    ['?=1', 'bad-query', ''],
    ['?__proto__=1', 'bad-query', '__proto__'],
    ['?wait=', 'bad-query', 'wait'],
    ['?wait=-1', 'bad-query', 'wait'],
    ['?wait=1.5', 'bad-query', 'wait'],
    ['?wait=56', 'bad-query', 'wait'],
    ['?wait=99999', 'bad-query', 'wait'],
    ['?wait=1e1', 'bad-query', 'wait'],
    ['?wait=Infinity', 'bad-query', 'wait'],
    ['?token=a', 'token-in-url', 'token'],
    ['?access_token=a', 'token-in-url', 'access_token'],
    ['?Authorization=a', 'token-in-url', 'Authorization'],
    ['?seq=1&jwt=a', 'token-in-url', 'jwt'],
    ['?t%6Fken=a', 'token-in-url', 'token'],
  ])('[H3][A3] that says %j is refused with %s at %j', (search, code, at) => {
    expect(refusalOf(search)).toEqual({ code, at })
  })

  test('[N5] of 1,000 ranges is taken and of 1,001 is not', () => {
    const search = (count: number) => `?seq=${Array.from({ length: count }, (_, i) => 2 * i).join(',')}`
    expect(queryOf(search(1000)).ranges).toHaveLength(1000)
    expect(refusalOf(search(1001))).toEqual({ code: 'too-many', at: 'seq' })
  })

  test('[H8] waits for up to 55 seconds', () => {
    expect([queryOf('').waitSeconds, queryOf('?wait=0').waitSeconds, queryOf('?wait=55').waitSeconds]).toEqual([0, 0, 55])
  })

  test('[H6][H7] is answered in the form that it accepts', () => {
    const as = (accept: string) => queryOf('', { Accept: accept }).as
    expect([as('*/*'), as(''), as('application/json'), as('text/html')]).toEqual(['slice', 'slice', 'slice', 'slice'])
    expect([as('application/x-ndjson'), as('application/x-ndjson, */*;q=0.1')]).toEqual(['ndjson', 'ndjson'])
    expect(as('text/event-stream')).toBe('sse')
  })

  test('[H4] can be immutable when its ranges are closed, its epoch named and its answer a slice', () => {
    const key = (search: string, accept = '*/*') => queryOf(search, { Accept: accept }).immutableKey
    expect(key('?seq=0-4,9&epoch=e')).toBe('e/0-4,9')
    expect(key('?seq=9,3-4,0-3&epoch=e')).toBe('e/0-4,9')
    expect(key('?seq=0-4')).toBeUndefined()
    expect(key('?seq=0-4,9-&epoch=e')).toBeUndefined()
    expect(key('?epoch=e')).toBeUndefined()
    expect(key('?after=3&epoch=e')).toBeUndefined()
    expect(key(`?seq=0-${seqMax}&epoch=e`)).toBeUndefined()
    expect(key('?seq=0-4&epoch=e', 'application/x-ndjson')).toBeUndefined()
    expect(key('?seq=0-4&epoch=e', 'text/event-stream')).toBeUndefined()
  })
})

describe('a live socket', () => {
  test('[L1] begins where its address says, as the client that it names', () => {
    expect(liveOf('')).toEqual({ after: undefined, epoch: undefined, client: undefined })
    expect(liveOf('?client=c:1&after=-1&epoch=e')).toEqual({ after: -1, epoch: 'e', client: 'c:1' })
    expect(liveOf(`?client=${'a'.repeat(64)}`).client).toHaveLength(64)
  })

  test.each<[search: string, code: string, at: string]>([
    ['?client=', 'bad-query', 'client'],
    ['?client=a%20b', 'bad-query', 'client'],
    ['?client=a%0A', 'bad-query', 'client'],
    ['?client=%C3%BC', 'bad-query', 'client'],
    [`?client=${'a'.repeat(65)}`, 'bad-query', 'client'],
    ['?client=a&client=a', 'bad-query', 'client'],
    ['?Client=a', 'bad-query', 'Client'],
    ['?after=x', 'bad-ranges', 'after'],
    ['?seq=1', 'bad-query', 'seq'],
    ['?client=a&token=b', 'token-in-url', 'token'],
  ])('[L1][N3][H3] that says %j is refused with %s at %j', (search, code, at) => {
    expect(refusalOf(search, liveOf)).toEqual({ code, at })
  })
})

test('[G5] what is wrong with a whole filter is said to be there', () => {
  expect(refusalOf('?filter=x')).toEqual({ code: 'malformed-json', at: 'filter' })
  expect(refusalOf('?except=[]')).toEqual({ code: 'invalid', at: 'except' })
  expect(refusalOf('?filter={"project":[1]}')).toEqual({ code: 'invalid', at: 'filter' })
})
