/** What makes a file, or gives it another content: changes that each fit an event, the last of which says the new hash. */
import { type Change, toValues, utf8Length, type Values } from '../../protocol/index.ts'
import { changesOf, partsOf } from './parts.ts'

/** Which file it is about. */
type FileObject = Pick<Change, 'collection' | 'identifier'>

interface Content {
  readonly content: Uint8Array
  readonly hash: string
}

const expectSameContent = { unchanged: ['hash'] } as const

/** Makes a new file. */
export function insertsOf(object: FileObject, { path, content, hash }: Content & { readonly path: string }): readonly Change[] {
  const parts = partsOf(content)
  const heads = headsOf(parts.length, hash)
  return parts.map((part, index): Change => {
    const values = { [index]: toValues(part), ...heads[index] }
    if (index === 0) return { type: 'insert', ...object, values: { path, parts: parts.length, ...values } }
    return { type: 'update', ...object, values, expect: expectSameContent }
  })
}

/** Leads from the content that the parts before have to another one. */
export function updatesOf(object: FileObject, before: readonly Uint8Array[], { content, hash }: Content): readonly Change[] {
  const { changes, count } = changesOf(before, content)
  return headsOf(Math.max(1, changes.length), hash).map((head, index): Change => {
    const { values, deltas } = changes[index] ?? {}
    const parts = index === 0 && count !== before.length ? { parts: count } : {}
    const change = { values: { ...values, ...parts, ...head }, ...(deltas === undefined ? {} : { deltas }) }
    return { type: 'update', ...object, ...change, expect: expectSameContent }
  })
}

/** What the changes take on the wire, as JSON. */
export function bytesOf(changes: readonly Change[]): number {
  return changes.reduce((sum, change) => sum + utf8Length(JSON.stringify(change)), 0)
}

/** What each of several changes says of the hash: the first that there is none now, the last which it is. */
function headsOf(count: number, hash: string): readonly Values[] {
  return Array.from({ length: count }, (_, index) => (index === count - 1 ? { hash } : index === 0 ? { hash: null } : {}))
}
