/** Identifiers that nobody else has. */
import { toBase64url } from '../protocol/index.ts'

/** What every platform has of it. (`randomUUID` is not there in pages without TLS, as on a phone beside one's desk.) */
declare const crypto: { getRandomValues<T extends Uint8Array>(bytes: T): T }

/** 128 random bits, in hexadecimal. */
export function newIdentifier(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** 60 random bits in 10 characters, for thousands of objects that each event is to name in few bytes. */
export function newShortIdentifier(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(9))).slice(0, 10)
}
