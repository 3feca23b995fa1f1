/** An id that nobody else has. (`randomUUID` is not there in pages without TLS, as on a phone beside one's desk.) */
export function randomId(bytes = 16): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
