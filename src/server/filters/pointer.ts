/** JSON pointers (RFC 6901) into an event's values, and what they find as the text that a filter names. */
import { Refusal } from '../../protocol/codes.ts'
import type { Json, Values } from '../../protocol/event.ts'
import { nameLengthMax } from '../../protocol/limits.ts'

/** Throws `invalid` for what is none, or points to no field. */
export function parsePointer(text: string): readonly string[] {
  const isPointer = /^(\/([^~/]|~[01])*)+$/.test(text) && text.length <= nameLengthMax && text.isWellFormed()
  if (!isPointer)
    throw new Refusal('invalid', { at: 'pointer', detail: 'A pointer begins with / and names a field, like /project or /address/city.' })
  return text
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** A text as it is, a number or a truth value as JSON has it; undefined for anything else, and for a text that is too long. */
export function valueAt(values: Values, pointer: readonly string[]): string | undefined {
  let value: Json | undefined = values
  for (const part of pointer) value = memberOf(value, part)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && value.length <= nameLengthMax ? value : undefined
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as { readonly [name: string]: Json })[name]
}
