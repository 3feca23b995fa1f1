/** Tokens signed with the secret: what is accepted, what is not, and what a good one allows. */
import fc from 'fast-check'
import { base64url, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../src/protocol/codes.ts'
import { type Action, allows, checkAllowed, checkConfigured, checkStreamName, tokenOf, verifyToken } from '../../src/server/auth.ts'
import { testSecret } from '../support/secrets.ts'
import { testToken } from '../support/tokens.ts'

const env = { TAPELINE_SECRET: testSecret }

async function outcome(token: string | undefined, keys: Parameters<typeof verifyToken>[1] = env): Promise<string> {
  try {
    await verifyToken(token, keys)
    return 'accepted'
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

const encode = (value: unknown) => base64url.encode(typeof value === 'string' ? value : JSON.stringify(value))
const hour = Math.floor(Date.now() / 1000) + 3600
const claims = { sub: 'u', exp: hour, streams: [{ name: '*', may: ['read'] }] }

async function signed(payload: Record<string, unknown>, { alg = 'HS256', secret = testSecret, header = {} } = {}): Promise<string> {
  return await new SignJWT(payload).setProtectedHeader({ ...header, alg }).sign(new TextEncoder().encode(secret))
}

describe('a token', () => {
  test('[A1] says who, until when and what', async () => {
    const token = await signed({ ...claims, streams: [{ name: 'todo.*', may: ['read', 'publish'] }], more: 1 })
    expect(await verifyToken(token, env)).toEqual({
      sub: 'u',
      expiresAt: hour * 1000,
      streams: [{ name: 'todo.*', may: ['read', 'publish'] }],
    })
  })

  test('[A1] may be good for ever, and says so with a number that JSON can carry', async () => {
    for (const exp of [9_999_999_999_999, 1e300, 1e306]) {
      expect(await verifyToken(await signed({ ...claims, exp }), env)).toMatchObject({ expiresAt: Number.MAX_SAFE_INTEGER })
    }
  })

  test.each<[what: string, claims: Record<string, unknown>]>([
    ['no sub', { ...claims, sub: undefined }],
    ['an empty sub', { ...claims, sub: '' }],
    ['a sub of 201 characters', { ...claims, sub: 'x'.repeat(201) }],
    ['a sub that is a number', { ...claims, sub: 7 }],
    ['no exp', { ...claims, exp: undefined }],
    ['an exp that is a string', { ...claims, exp: '9999999999' }],
    ['no streams', { ...claims, streams: undefined }],
    ['streams that are a string', { ...claims, streams: '*' }],
    ['streams of strings', { ...claims, streams: ['*'] }],
    ['an action that is unknown', { ...claims, streams: [{ name: '*', may: ['write'] }] }],
    ['a stream without actions', { ...claims, streams: [{ name: '*' }] }],
    ['a stream without a name', { ...claims, streams: [{ may: ['read'] }] }],
    ['a beginning in the future', { ...claims, nbf: hour }],
  ])('[A1] with %s is invalid', async (_, payload) => {
    expect(await outcome(await signed(payload))).toBe('token-invalid')
  })

  test('[A1] with a sub of 200 characters is good', async () => {
    expect(await outcome(await signed({ ...claims, sub: 'x'.repeat(200) }))).toBe('accepted')
  })

  test('[A4] is missing, expired, or not ours', async () => {
    expect(await outcome(undefined)).toBe('token-missing')
    expect(await outcome('')).toBe('token-missing')
    expect(await outcome(await testToken({ expiresInSeconds: -1 }))).toBe('token-expired')
    expect(await outcome(await testToken({ secret: 'another secret that is long enough, too' }))).toBe('token-invalid')
    const [head = '', body = '', signature = ''] = (await testToken()).split('.')
    expect(await outcome(`${head}.${encode({ ...claims, sub: 'admin' })}.${signature}`)).toBe('token-invalid')
    expect(await outcome(`${head}.${body}.`)).toBe('token-invalid')
    expect(await outcome(`${head}.${body}`)).toBe('token-invalid')
    expect(await outcome(`${head}.${body}.${signature}.`)).toBe('token-invalid')
    expect(await outcome(`${head}.${body}.${signature.slice(0, -2)}`)).toBe('token-invalid')
  })

  test('[A4] that is expired and forged is not called expired: nothing is said of what nobody signed', async () => {
    expect(await outcome(await testToken({ expiresInSeconds: -1, secret: 'another secret that is long enough, too' }))).toBe(
      'token-invalid',
    )
  })

  test('[A2] of another algorithm is not accepted, whoever signed it', async () => {
    const body = encode(claims)
    expect(await outcome(`${encode({ alg: 'none' })}.${body}.`)).toBe('token-invalid')
    expect(await outcome(`${encode({ alg: 'NONE', typ: 'JWT' })}.${body}.`)).toBe('token-invalid')
    expect(await outcome(`${encode({ typ: 'JWT' })}.${body}.`)).toBe('token-invalid')
    for (const alg of ['HS384', 'HS512'])
      expect(await outcome(await signed(claims, { alg, secret: testSecret.repeat(2) }))).toBe('token-invalid')
    for (const alg of ['RS256', 'ES256', 'EdDSA', 'dir', ''])
      expect(await outcome(`${encode({ alg })}.${body}.${encode('x')}`)).toBe('token-invalid')
    expect(await outcome(await signed(claims))).toBe('accepted')
  })

  test('[A2] with a header that asks for more is not accepted', async () => {
    const body = encode(claims)
    for (const header of [
      { alg: 'HS256', crit: ['x'], x: 1 },
      { alg: 'HS256', b64: false, crit: ['b64'] },
      { alg: 'HS256', zip: 'DEF', crit: ['zip'] },
      [],
      null,
      'HS256',
    ]) {
      expect(await outcome(`${encode(header)}.${body}.${encode('x')}`)).toBe('token-invalid')
    }
  })

  test('[A3] of more than 8,192 characters is not looked at', async () => {
    expect(await outcome('x'.repeat(8193))).toBe('token-invalid')
    expect(await outcome(await signed({ ...claims, more: 'x'.repeat(8000) }))).toBe('token-invalid')
    expect(await outcome(await signed({ ...claims, more: 'x'.repeat(5000) }))).toBe('accepted')
  })

  test('[A4] of any text whatever is missing or invalid, and never an error of ours', async () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom(encode({ alg: 'HS256' }), encode({ alg: 'none' }), encode(claims), '', '.', '..', 'e30', 'bnVsbA'),
      fc.json().map((text) => encode(text)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
        expect(await outcome(parts.join('.'))).toMatch(/^token-(invalid|missing)$/)
      }),
      { seed: 256, numRuns: 500 },
    )
  })
})

describe('a deployment', () => {
  test.each([{}, { TAPELINE_SECRET: '' }, { TAPELINE_SECRET: 'x'.repeat(31) }, { TAPELINE_JWKS_URL: '' }])(
    '[A6] with %j is not configured',
    async (keys) => {
      expect(() => checkConfigured(keys)).toThrow(expect.objectContaining({ code: 'not-configured' }))
      expect(await outcome(await testToken(), keys)).toBe('not-configured')
    },
  )

  test('[A2][A6] with a secret of 32 characters is, and so is one with a JWKS', () => {
    expect(() => checkConfigured({ TAPELINE_SECRET: 'x'.repeat(32) })).not.toThrow()
    expect(() => checkConfigured({ TAPELINE_JWKS_URL: 'https://keys.example' })).not.toThrow()
  })
})

describe('what a token allows', () => {
  const grant = (name: string, ...may: Action[]) => ({ sub: 'u', expiresAt: 0, streams: [{ name, may }] })

  test.each<[pattern: string, allowed: string[], not: string[]]>([
    ['todo.groceries', ['todo.groceries'], ['todo.grocerie', 'todo.groceries2', 'Todo.groceries', 'todoxgroceries']],
    ['todo.*', ['todo.', 'todo.groceries', 'todo.a.b'], ['todo', 'xtodo.a', 'todos.a']],
    ['*', ['a', 'todo.groceries'], []],
    ['', [], ['a']],
    ['a*b', ['a*b'], ['ab', 'axb']],
    ['**', ['*', '*x'], ['a']],
    ['.*', ['.a'], ['a', 'ab']],
    ['a.b+', [], ['a.b', 'axbb']],
  ])('[A1] the name %j covers what it says and no more', (pattern, allowed, not) => {
    for (const stream of allowed) expect(allows(grant(pattern, 'read'), stream, 'read'), stream).toBe(true)
    for (const stream of not) expect(allows(grant(pattern, 'read'), stream, 'read'), stream).toBe(false)
  })

  test('[A1] each action stands for itself', () => {
    const actions = ['read', 'publish', 'admin'] as const
    for (const one of actions) for (const other of actions) expect(allows(grant('*', one), 's', other)).toBe(one === other)
    expect(() => checkAllowed(grant('*', 'admin'), 's', 'read')).toThrow(expect.objectContaining({ code: 'forbidden' }))
    expect(allows({ sub: 'u', expiresAt: 0, streams: [] }, 's', 'read')).toBe(false)
    const two = { sub: 'u', expiresAt: 0, streams: [...grant('a.*', 'read').streams, ...grant('b.*', 'publish').streams] }
    expect([allows(two, 'a.x', 'publish'), allows(two, 'b.x', 'publish'), allows(two, 'b.x', 'read')]).toEqual([false, true, false])
  })

  test('[N1] a stream’s name has 1 to 200 of the characters that it may have', () => {
    for (const name of ['a', 'Z9._:-', 'x'.repeat(200), '..', '-']) expect(checkStreamName(name)).toBe(name)
    for (const name of ['', 'x'.repeat(201), 'a b', 'a/b', 'ü', 'a\n', '\na', 'a%2Fb', 'a?b', '*', 'a\u0000', '１']) {
      expect(() => checkStreamName(name), name).toThrow(expect.objectContaining({ code: 'bad-stream-name' }))
    }
  })

  test('[A3] a token is found in the header or beside the subprotocol', () => {
    const of = (headers: Record<string, string>) => tokenOf(new Request('https://x.example', { headers }))
    expect(of({ Authorization: 'Bearer a.b.c' })).toBe('a.b.c')
    expect(of({ Authorization: 'bearer a.b.c' })).toBe('a.b.c')
    expect(of({ 'Sec-WebSocket-Protocol': 'tapeline.v1, a.b.c' })).toBe('a.b.c')
    expect(of({ Authorization: 'Bearer a.b.c', 'Sec-WebSocket-Protocol': 'tapeline.v1, d.e.f' })).toBe('a.b.c')
    expect(of({ Authorization: 'Basic a.b.c' })).toBeUndefined()
    expect(of({ Authorization: 'a.b.c' })).toBeUndefined()
    expect(of({ 'Sec-WebSocket-Protocol': 'tapeline.v1' })).toBeUndefined()
    expect(of({})).toBeUndefined()
    expect(of({ Authorization: 'Bearer ' }) ?? '').toBe('')
  })
})
