/** Tokens for tests, good ones and bad ones. */
import { SignJWT } from 'jose'
import type { Action } from '../../src/server/auth.ts'
import { testSecret } from './secrets.ts'

interface TokenOptions {
  readonly sub?: string
  readonly name?: string
  readonly may?: readonly Action[]
  readonly expiresInSeconds?: number
  readonly secret?: string
}

export function testToken({
  sub = 'user-1',
  name = '*',
  may = ['read', 'publish'],
  expiresInSeconds = 3600,
  secret = testSecret,
}: TokenOptions = {}): Promise<string> {
  return new SignJWT({ streams: [{ name, may }] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInSeconds)
    .sign(new TextEncoder().encode(secret))
}
