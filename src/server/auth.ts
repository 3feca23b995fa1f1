/**
 * Who may do what: JWTs checked against one shared secret or a JWKS, and what their claims allow on a stream.
 *
 * The algorithms are pinned per kind of key, so that a public key can never be used as a secret. The Worker checks
 * before it addresses an object, and the object checks again.
 */
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import * as v from 'valibot'
import { Refusal } from '../protocol/codes.ts'
import { streamNameLengthMax, subLengthMax, tokenLengthMax } from '../protocol/limits.ts'

export type Action = 'read' | 'publish' | 'admin'

export interface AuthEnv {
  readonly TAPELINE_SECRET?: string
  readonly TAPELINE_JWKS_URL?: string
}

/** What a checked token says. */
export interface Grant {
  readonly sub: string
  /** Wall clock, ms since 1970. */
  readonly expiresAt: number
  readonly streams: readonly { readonly name: string; readonly may: readonly Action[] }[]
}

/** HS256 is as strong as its key: 32 characters are the least that RFC 7518 allows for it. */
export const secretLengthMin = 32

const claimsSchema = v.object({
  sub: v.pipe(v.string(), v.minLength(1), v.maxLength(subLengthMax)),
  exp: v.number(),
  streams: v.array(v.object({ name: v.string(), may: v.array(v.picklist(['read', 'publish', 'admin'])) })),
})

const secretAlgorithms = ['HS256']
const publicKeyAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA']

const keySets = new Map<string, JWTVerifyGetKey>()

/** Throws `not-configured` when the deployment has no key to check tokens with. */
export function checkConfigured({ TAPELINE_SECRET, TAPELINE_JWKS_URL }: AuthEnv): void {
  if (TAPELINE_JWKS_URL || (TAPELINE_SECRET ?? '').length >= secretLengthMin) return
  throw new Refusal('not-configured', {
    detail: TAPELINE_SECRET ? `TAPELINE_SECRET is shorter than ${secretLengthMin} characters.` : 'TAPELINE_SECRET is not set.',
  })
}

/** Tokens that were found good, by key and token: a check costs a tenth of a request, and there are two in each. */
const checked = new Map<string, { readonly grant: Grant; readonly until: number }>()
const checkedMax = 1000
/** A key that has been withdrawn from a JWKS must stop working soon. */
const checkedForMs = 60_000

/** Checks a token; throws `token-missing`, `token-invalid`, `token-expired`, `keys-unavailable` or `not-configured`. */
export async function verifyToken(token: string | undefined, env: AuthEnv): Promise<Grant> {
  checkConfigured(env)
  if (token === undefined || token === '') throw new Refusal('token-missing')
  const key = `${env.TAPELINE_JWKS_URL || env.TAPELINE_SECRET} ${token}`
  const now = Date.now()
  const known = checked.get(key)
  if (known !== undefined && now < known.until) return known.grant
  const grant = await verifyAnew(token, env)
  if (checked.size >= checkedMax) checked.clear()
  checked.set(key, { grant, until: Math.min(grant.expiresAt, now + checkedForMs) })
  return grant
}

async function verifyAnew(token: string, env: AuthEnv): Promise<Grant> {
  if (token.length > tokenLengthMax) throw new Refusal('token-invalid', { detail: `Longer than ${tokenLengthMax} characters.` })
  const claims = v.safeParse(claimsSchema, await verifiedPayload(token, env))
  if (!claims.success) throw new Refusal('token-invalid', { detail: `Claims: ${claims.issues[0].message}`.slice(0, 300) })
  return { sub: claims.output.sub, expiresAt: Math.min(claims.output.exp * 1000, Number.MAX_SAFE_INTEGER), streams: claims.output.streams }
}

async function verifiedPayload(token: string, { TAPELINE_SECRET, TAPELINE_JWKS_URL }: AuthEnv): Promise<unknown> {
  try {
    const { payload } = TAPELINE_JWKS_URL
      ? await jwtVerify(token, keyAt(TAPELINE_JWKS_URL), { algorithms: publicKeyAlgorithms, requiredClaims: ['exp'] })
      : await jwtVerify(token, encoder.encode(TAPELINE_SECRET), { algorithms: secretAlgorithms, requiredClaims: ['exp'] })
    return payload
  } catch (error) {
    if (error instanceof Refusal) throw error
    if (error instanceof errors.JWTExpired) throw new Refusal('token-expired')
    if (error instanceof errors.JOSEError) throw new Refusal('token-invalid', { detail: error.message.slice(0, 200) })
    throw error
  }
}

/** Finds a token's key. That a set has none is the token's fault; that there is no set to look in is not. */
function keyAt(url: string): JWTVerifyGetKey {
  return async (header, token) => {
    try {
      return await keySet(url)(header, token)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error
      throw new Refusal('keys-unavailable', { detail: error instanceof Error ? error.message.slice(0, 200) : 'Unreadable.' })
    }
  }
}

function keySet(url: string): JWTVerifyGetKey {
  const known = keySets.get(url)
  if (known !== undefined) return known
  const fresh = createRemoteJWKSet(new URL(url))
  keySets.set(url, fresh)
  return fresh
}

/** Whether one of the grant's streams, named exactly or by a prefix with one `*` at its end, allows the action. */
export function allows(grant: Grant, stream: string, action: Action): boolean {
  return grant.streams.some(({ name, may }) => may.includes(action) && covers(name, stream))
}

/** Throws `forbidden` unless the grant allows the action. */
export function checkAllowed(grant: Grant, stream: string, action: Action): void {
  if (allows(grant, stream, action)) return
  throw new Refusal('forbidden', { detail: `The token does not allow "${action}" on "${stream}".` })
}

function covers(pattern: string, stream: string): boolean {
  return pattern.endsWith('*') ? stream.startsWith(pattern.slice(0, -1)) : stream === pattern
}

const streamName = new RegExp(`^[A-Za-z0-9._:-]{1,${streamNameLengthMax}}$`)

/** A stream's name out of an address; throws `bad-stream-name`. */
export function checkStreamName(name: string): string {
  if (!streamName.test(name)) throw new Refusal('bad-stream-name')
  return name
}

/** The token of a request: the Authorization header, or the subprotocol beside `tapeline.v1`. Never the address. */
export function tokenOf(request: Request): string | undefined {
  const [scheme, token] = (request.headers.get('Authorization') ?? '').split(' ')
  if (scheme?.toLowerCase() === 'bearer') return token
  return subprotocolsOf(request).find((name) => name.split('.').length === 3)
}

export function subprotocolsOf(request: Request): string[] {
  return (request.headers.get('Sec-WebSocket-Protocol') ?? '').split(',').map((name) => name.trim())
}

const encoder = new TextEncoder()
