/** The token of every client here: it may do everything on any stream, for longer than a run takes. */
import { SignJWT } from 'jose'

export const secret = 'known to this benchmark alone, and long enough'

export function signToken(): Promise<string> {
  return new SignJWT({ streams: [{ name: '*', may: ['read', 'publish', 'admin'] }] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('bench')
    .setExpirationTime('1 day')
    .sign(new TextEncoder().encode(secret))
}
