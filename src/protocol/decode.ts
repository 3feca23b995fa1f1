/**
 * From text to values: the one place where input from the other side is parsed and checked.
 * What is refused is thrown as a `Refusal`, whose code says what was wrong and whose `at` says where.
 */
import * as v from 'valibot'
import { type Code, Refusal } from './codes.ts'
import { jsonDepthMax } from './limits.ts'

/** Parses and checks one JSON text. */
export function decode<const Schema extends v.GenericSchema>(text: string, schema: Schema): v.InferOutput<Schema> {
  return check(parseJson(text), schema)
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Refusal('malformed-json', { detail: error instanceof Error ? error.message.slice(0, 200) : 'Unreadable.' })
  }
}

export function check<const Schema extends v.GenericSchema>(value: unknown, schema: Schema): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true })
  if (result.success) return result.output
  const issue = result.issues[0]
  throw new Refusal(codeOf(issue), { at: pathOf(issue), detail: issue.message.slice(0, 300) })
}

/** What is refused in `check` is at a place within `at`. */
export function within<T>(at: string, check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { at: inner = '' } = error.details
    throw new Refusal(error.code, { ...error.details, at: inner === '' || inner.startsWith('[') ? at + inner : `${at}.${inner}` })
  }
}

function codeOf(issue: v.BaseIssue<unknown>): Code {
  // The only lists on the wire that have a greatest length are batches and sets of ranges.
  return issue.type === 'max_length' && Array.isArray(issue.input) ? 'too-many' : 'invalid'
}

function pathOf(issue: v.BaseIssue<unknown>): string {
  let path = ''
  for (const { key } of issue.path ?? []) path += typeof key === 'number' ? `[${key}]` : `${path && '.'}${String(key)}`
  return path.slice(0, 200)
}

const halfPair = 'Half a surrogate pair.'

/**
 * Throws where a JSON value could not travel unchanged: halves of surrogate pairs, `__proto__` as a key, numbers
 * that overflowed, and nesting beyond `jsonDepthMax` (which bounds the recursion of this function, too).
 */
export function checkJson(value: unknown, at: string, depth = 1): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new Refusal('lone-surrogate', { at, detail: halfPair })
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new Refusal('number-range', { at, detail: 'The number is not finite.' })
  } else if (typeof value === 'object' && value !== null) {
    if (depth > jsonDepthMax) throw new Refusal('too-deep', { at: at.slice(0, 200), detail: `More than ${jsonDepthMax} levels.` })
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) checkJson(value[i], at, depth + 1)
    } else {
      for (const key of Object.keys(value)) {
        if (key === '__proto__') throw new Refusal('forbidden-key', { at, detail: 'A key is named __proto__.' })
        if (!key.isWellFormed()) throw new Refusal('lone-surrogate', { at, detail: halfPair })
        checkJson((value as Record<string, unknown>)[key], at, depth + 1)
      }
    }
  } else if (value !== null && typeof value !== 'boolean') {
    throw new Refusal('invalid', { at, detail: `A value of type ${typeof value} is not JSON.` })
  }
}

/** Throws `too-large` for a text of more than `bytesMax` bytes, counting them only when their number is in doubt. */
export function checkSize(text: string, bytesMax: number, details: { at?: string; counter?: number } = {}): void {
  if (text.length * 3 <= bytesMax) return
  if (text.length > bytesMax || utf8Length(text) > bytesMax) {
    throw new Refusal('too-large', { ...details, detail: `More than ${bytesMax} bytes.` })
  }
}

/** The bytes of a text in UTF-8: one, two or three a unit, and two for each half of a pair. */
export function utf8Length(text: string): number {
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3
  }
  return bytes
}
