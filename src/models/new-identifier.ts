/** Identifiers that nobody else has: 128 random bits, in hexadecimal. */

/** What every platform has of it. (`randomUUID` is not there in pages without TLS, as on a phone beside one's desk.) */
declare const crypto: { getRandomValues(bytes: Uint8Array): Uint8Array }

export function newIdentifier(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
