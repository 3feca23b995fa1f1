/** Bytes for secrets and writers, as the platform has them. */
import type { RandomBytes } from '../../src/server/tape/marks.ts'

export const randomBytes: RandomBytes = (count) => crypto.getRandomValues(new Uint8Array(count))
