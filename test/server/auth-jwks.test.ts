/** Tokens signed with keys found at TAPELINE_JWKS_URL: a local server gives them out, well and badly. */
import { createServer, type Server } from 'node:http'
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Refusal } from '../../src/protocol/codes.ts'
import { verifyToken } from '../../src/server/auth.ts'
import { testSecret } from '../support/secrets.ts'

const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA', 'ES384'] as const

interface Pair {
  readonly publicKey: CryptoKey
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

const pairs = new Map<string, Pair>()
const asked: string[] = []
let server: Server
let base = ''

async function makePair(alg: string, kid: string): Promise<Pair> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return { publicKey, privateKey, jwk: { ...(await exportJWK(publicKey)), alg, kid, use: 'sig' } }
}

beforeAll(async () => {
  for (const alg of algorithms) pairs.set(alg, await makePair(alg, alg))
  const good = JSON.stringify({ keys: [...pairs.values()].map(({ jwk }) => jwk) })
  const answers: Record<string, [status: number, body: string]> = {
    '/good': [200, good],
    '/also-secret': [200, good],
    '/broken': [500, 'Out of order.'],
    '/missing': [404, '{}'],
    '/moved': [302, ''],
    '/not-json': [200, '<html>'],
    '/no-keys': [200, '{"keys":[]}'],
    '/not-a-set': [200, '[]'],
  }
  server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const [status, body] = answers[request.url ?? ''] ?? [404, '']
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  base = typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function pairOf(alg: string): Pair {
  const pair = pairs.get(alg)
  if (pair === undefined) throw new Error(`No pair for ${alg}.`)
  return pair
}

function sign(header: { alg: string; kid?: string }, key: CryptoKey | Uint8Array): Promise<string> {
  return new SignJWT({ streams: [{ name: '*', may: ['read'] }] })
    .setProtectedHeader(header)
    .setSubject('u')
    .setExpirationTime('1h')
    .sign(key)
}

async function outcome(token: string, path = '/good', more: { TAPELINE_SECRET?: string } = {}): Promise<string> {
  try {
    return (await verifyToken(token, { TAPELINE_JWKS_URL: base + path, ...more })).sub
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

describe('a token under a JWKS', () => {
  test.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('[A2] signed with %s by a key of the set is good', async (alg) => {
    expect(await outcome(await sign({ alg, kid: alg }, pairOf(alg).privateKey))).toBe('u')
  })

  test('[A2] the set is asked for once and kept', async () => {
    await outcome(await sign({ alg: 'ES256', kid: 'ES256' }, pairOf('ES256').privateKey))
    expect(asked.filter((path) => path === '/good')).toHaveLength(1)
  })

  test('[A2] of an algorithm that is not on the list is not, though its key is in the set', async () => {
    expect(await outcome(await sign({ alg: 'ES384', kid: 'ES384' }, pairOf('ES384').privateKey))).toBe('token-invalid')
  })

  test('[A2] signed with HS256 and a public key as the secret is not', async () => {
    for (const alg of ['RS256', 'ES256', 'EdDSA']) {
      const { publicKey, jwk } = pairOf(alg)
      const secrets = [await exportSPKI(publicKey), JSON.stringify(jwk), jwk.n ?? jwk.x ?? '']
      for (const secret of secrets) {
        expect(await outcome(await sign({ alg: 'HS256', kid: alg }, new TextEncoder().encode(secret.padEnd(32, ' '))))).toBe(
          'token-invalid',
        )
      }
    }
  })

  test('[A2] signed with HS256 and the secret is not, where a JWKS is set beside it', async () => {
    const token = await sign({ alg: 'HS256' }, new TextEncoder().encode(testSecret))
    expect(await outcome(token, '/also-secret', { TAPELINE_SECRET: testSecret })).toBe('token-invalid')
  })

  test('[A2] of no algorithm, of a key that is not in the set, or of one under another’s name, is not', async () => {
    const body = (await sign({ alg: 'ES256', kid: 'ES256' }, pairOf('ES256').privateKey)).split('.')[1]
    const header = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    expect(await outcome(`${header({ alg: 'none', kid: 'ES256' })}.${body}.`)).toBe('token-invalid')
    const stranger = await makePair('ES256', 'stranger')
    expect(await outcome(await sign({ alg: 'ES256', kid: 'stranger' }, stranger.privateKey))).toBe('token-invalid')
    expect(await outcome(await sign({ alg: 'ES256', kid: 'ES256' }, stranger.privateKey))).toBe('token-invalid')
    expect(await outcome(await sign({ alg: 'ES256', kid: 'RS256' }, pairOf('ES256').privateKey))).toBe('token-invalid')
    expect(await outcome('not.a.token')).toBe('token-invalid')
  })

  test.each(['/broken', '/missing', '/moved', '/not-json', '/not-a-set'])(
    '[A4] cannot be checked while the set cannot be read: %s',
    async (path) => {
      expect(await outcome(await sign({ alg: 'ES256', kid: 'ES256' }, pairOf('ES256').privateKey), path)).toBe('keys-unavailable')
    },
  )

  test('[A4] cannot be checked while nobody answers there', async () => {
    const token = await sign({ alg: 'ES256', kid: 'ES256' }, pairOf('ES256').privateKey)
    for (const url of ['http://127.0.0.1:1/keys', 'not an address']) {
      await expect(verifyToken(token, { TAPELINE_JWKS_URL: url })).rejects.toThrow(expect.objectContaining({ code: 'keys-unavailable' }))
    }
  })

  test('[A4] is refused under a set without keys', async () => {
    expect(await outcome(await sign({ alg: 'ES256', kid: 'ES256' }, pairOf('ES256').privateKey), '/no-keys')).toBe('token-invalid')
  })
})
