/** What is used of the library: its own types bring Node's with them, which are not there everywhere. See tsconfig.base.json. */

/** Throws a SyntaxError for what is not canonical, padded base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer>
export function toBase64(bytes: Uint8Array): string
/** Without padding. */
export function toBase64url(bytes: Uint8Array): string
