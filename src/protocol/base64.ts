/** Bytes as text, and back. */
export { fromBase64, toBase64, toBase64url } from '@exodus/bytes/base64.js'
