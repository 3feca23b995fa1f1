/** What an administrator may set of a stream: that it is closed, when it ends by itself, and what it is a fork of. */
import * as v from 'valibot'
import { Refusal } from './codes.ts'
import { check } from './decode.ts'

const secondsMax = 100 * 365 * 24 * 3600

const expirySchema = v.pipe(
  v.strictObject({
    at: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
    idleSeconds: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(secondsMax))),
  }),
  v.check(({ at, idleSeconds }) => at !== undefined || idleSeconds !== undefined, 'Expected at or idleSeconds'),
)

export const settingsSchema = v.pipe(
  v.strictObject({ closed: v.optional(v.literal(true)), expires: v.optional(v.nullable(expirySchema)) }),
  v.check(({ closed, expires }) => closed !== undefined || expires !== undefined, 'Expected closed or expires'),
)

export const forkSchema = v.strictObject({
  forkOf: v.string(),
  through: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
})

/** What makes a stream a fork of another, whole or up to a seq. */
export type WantedFork = v.InferOutput<typeof forkSchema>

/** Throws `invalid`. */
export function checkFork(value: unknown): WantedFork {
  return check(value, forkSchema)
}

/** Whether it is a fork that is asked for, however badly. */
export function isForkLike(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'forkOf' in value
}

export const indexSchema = v.strictObject({ pointer: v.string() })

/** What declares an index. Throws `invalid`. */
export function checkIndex(value: unknown): v.InferOutput<typeof indexSchema> {
  return check(value, indexSchema)
}

/** When a stream ends as if it were deleted: at a time, or when nothing has been published for so long; whichever is first. */
export interface Expiry {
  /** ms since 1970. */
  readonly at?: number | undefined
  readonly idleSeconds?: number | undefined
}

export interface Settings {
  /** For good: nothing more is taken. */
  readonly closed?: true | undefined
  /** null for never. */
  readonly expires?: Expiry | null | undefined
}

/** Throws `invalid` for what is none, and for a time that is over. */
export function checkSettings(value: unknown, nowMs: number): Settings {
  const settings = check(value, settingsSchema)
  if (settings.expires?.at !== undefined && settings.expires.at <= nowMs) {
    throw new Refusal('invalid', { at: 'expires.at', detail: 'That time is over. To end the stream now, delete it.' })
  }
  return settings
}

/** In ms since 1970; undefined for never. `touchedAt`: of the newest event or, without any, of the settings. */
export function expiresAt(expires: Expiry | undefined, touchedAt: number): number | undefined {
  if (expires === undefined) return undefined
  const at = expires.at ?? Number.POSITIVE_INFINITY
  const idle = expires.idleSeconds === undefined ? Number.POSITIVE_INFINITY : touchedAt + expires.idleSeconds * 1000
  return Math.min(at, idle)
}
