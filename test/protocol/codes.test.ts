/** The closed list of codes, in the code and in PROTOCOL.md: the same list with the same facts. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { codeTexts } from '../../src/protocol/code-texts.ts'
import { closeCodes, codeFacts, codes, isCode, Refusal } from '../../src/protocol/codes.ts'
import { problemResponse, refusedFrame } from '../../src/server/problem.ts'

const law = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8')

describe('codes', () => {
  test('[H10] PROTOCOL.md lists each code with its status and recovery, and no other', () => {
    const rows = [...law.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \| (retry|fatal|renew) \|$/gm)]
    const listed = rows.map(([, code, status, recovery]) => ({ code, status: Number(status), recovery }))
    expect(listed).toEqual(codes.map((code) => ({ code, status: codeFacts(code).status, recovery: codeFacts(code).recovery })))
  })

  test('[H10] PROTOCOL.md names the close codes of the socket', () => {
    const line = law.split('\n').find((text) => text.startsWith('Close codes of the socket')) ?? ''
    expect([...line.matchAll(/\b44\d\d\b/g)].map(([code]) => Number(code))).toEqual(Object.values(closeCodes))
  })

  test.each(codes)('[H10] %s has a title, a hint and a status that fits its recovery', (code) => {
    const { title, hint } = codeTexts(code)
    const { status, recovery } = codeFacts(code)
    expect(title).toMatch(/^[A-Z].*\.$/)
    expect(hint.trim().length).toBeGreaterThan(10)
    if (status === 503 || status === 429) expect(recovery).toBe('retry')
    expect(recovery === 'renew').toBe(status === 401)
  })

  test.each(codes)('[H10] %s becomes a problem document and a refused frame', async (code) => {
    const refusal = new Refusal(code, { at: 'drafts[0]', detail: 'Why.', latestSeq: 7 })
    const { title, hint } = codeTexts(code)
    const { status } = codeFacts(code)
    const said = { code, title, hint, at: 'drafts[0]', detail: 'Why.', latestSeq: 7 }
    const answer = problemResponse(refusal)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('Content-Type')).toBe('application/problem+json')
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
    expect(answer.headers.get('WWW-Authenticate')).toBe(status === 401 ? 'Bearer' : null)
    expect(answer.headers.get('Retry-After')).toBe(status === 503 ? '1' : null)
    expect(await answer.json()).toEqual({ type: `urn:tapeline:${code}`, status, ...said })
    expect(JSON.parse(refusedFrame(refusal, 3))).toEqual({ type: 'refused', ref: 3, ...said })
    expect(JSON.parse(refusedFrame(refusal, undefined))).toEqual({ type: 'refused', ...said })
  })

  test('[H10] isCode takes the codes alone', () => {
    expect(codes.every(isCode)).toBe(true)
    for (const other of ['', 'INVALID', 'toString', '__proto__', 'constructor', 400, null, undefined]) expect(isCode(other)).toBe(false)
  })
})
