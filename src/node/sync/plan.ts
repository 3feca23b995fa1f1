/**
 * What is to be done to bring a directory and a folder in step: a comparison of three states, the one in which both were
 * last and the two that they are in now. Nothing is decided by clocks; of two who changed a file both contents are kept.
 *
 *   in step before   here   there     what is done
 *   a                b      a         b is written there
 *   a                a      b         b is written here
 *   a                b      c         b is kept beside, in both; c is written here
 *   a                –      a         removed there (or renamed, where a new path has a)
 *   a                –      b         b is written here again
 *   a                b      –         b is written there as new
 */
import type { FolderFile } from '../../models/index.ts'
import type { DiskFile, Mark } from './disk.ts'

/** A file as it was when both had it alike. */
export interface Base {
  readonly path: string
  readonly hash: string
  readonly mark: Mark
  /** It was written there, and is on no tape yet. */
  readonly isNew?: boolean | undefined
}

/** A file of the directory, with the hash of its content. */
export interface Local {
  readonly file: DiskFile
  readonly hash: string
}

export type Action =
  | { readonly type: 'add'; readonly local: Local }
  | { readonly type: 'write'; readonly remote: FolderFile; readonly local: Local; readonly basedOn: string }
  | { readonly type: 'rename'; readonly remote: FolderFile; readonly local: Local }
  | { readonly type: 'remove'; readonly remote: FolderFile }
  | { readonly type: 'keep-beside'; readonly local: Local }
  | { readonly type: 'write-here'; readonly remote: FolderFile; readonly before: Local | undefined }
  | { readonly type: 'move-here'; readonly remote: FolderFile; readonly local: Local }
  | { readonly type: 'remove-here'; readonly identifier: string; readonly local: Local }
  | { readonly type: 'note'; readonly identifier: string; readonly base: Base | undefined }

export interface States {
  /** By identifier. */
  readonly bases: ReadonlyMap<string, Base>
  /** By path. */
  readonly here: ReadonlyMap<string, Local>
  readonly there: readonly FolderFile[]
  /** Whether somebody removed a file, which is known and not only missing. */
  readonly isRemoved: (identifier: string) => boolean
}

export function plan({ bases, here, there, isRemoved }: States): readonly Action[] {
  const actions: Action[] = []
  const known = new Set(Array.from(bases.values(), ({ path }) => path))
  const fresh = new Map([...here].filter(([path]) => !known.has(path)))
  const byIdentifier = new Map(there.map((file) => [file.identifier, file]))
  for (const [identifier, base] of bases) {
    const local = here.get(base.path)
    const remote = byIdentifier.get(identifier)
    const action =
      remote === undefined
        ? withoutRemote(identifier, base, isRemoved(identifier) ? local : undefined)
        : local === undefined
          ? withoutLocal(base, remote, { here, fresh })
          : withBoth(base, { local, remote, here })
    if (action !== undefined) actions.push(action)
  }
  for (const remote of there) {
    if (bases.has(remote.identifier)) continue
    const action = unknown(remote, here, fresh.has(remote.path))
    fresh.delete(remote.path)
    if (action !== undefined) actions.push(action)
  }
  for (const local of fresh.values()) actions.push({ type: 'add', local })
  return actions
}

function withoutRemote(identifier: string, { hash, isNew }: Base, local: Local | undefined): Action {
  // What was changed here is new there; and so is all of it where the tape is another one by now.
  if (local === undefined || isNew === true || local.hash !== hash) return { type: 'note', identifier, base: undefined }
  return { type: 'remove-here', identifier, local }
}

function withoutLocal(
  base: Base,
  remote: FolderFile,
  { here, fresh }: { readonly here: States['here']; readonly fresh: Map<string, Local> },
): Action | undefined {
  if (!remote.isComplete || remote.isPending) return undefined
  // What was changed there is brought here, and what was moved is another file then.
  const isSame = remote.path === base.path && remote.hash === base.hash
  const moved = isSame ? [...fresh.values()].find(({ hash }) => hash === base.hash) : undefined
  if (moved !== undefined) {
    fresh.delete(moved.file.path)
    return { type: 'rename', remote, local: moved }
  }
  if (isSame) return { type: 'remove', remote }
  // Whatever is in its place goes elsewhere first.
  return here.has(remote.path) ? undefined : { type: 'write-here', remote, before: undefined }
}

function withBoth(base: Base, { local, remote, here }: { local: Local; remote: FolderFile; here: States['here'] }): Action | undefined {
  const { hash, isComplete, isPending, path, identifier } = remote
  if (!isComplete || hash === undefined) return undefined
  const isChangedHere = local.hash !== base.hash
  if (isPending) return isChangedHere && local.hash !== hash ? { type: 'write', remote, local, basedOn: hash } : undefined
  const isChangedThere = hash !== base.hash
  if (local.hash !== hash) {
    if (!isChangedThere) return { type: 'write', remote, local, basedOn: hash }
    return isChangedHere ? { type: 'keep-beside', local } : { type: 'write-here', remote, before: local }
  }
  if (path !== base.path) return here.has(path) ? undefined : { type: 'move-here', remote, local }
  const { mark } = local.file
  if (!isChangedThere && base.mark === mark && base.isNew !== true) return undefined
  return { type: 'note', identifier, base: { path, hash, mark } }
}

/** `isFresh`: whether a file is here at its path that has nothing to do with any other. */
function unknown(remote: FolderFile, here: States['here'], isFresh: boolean): Action | undefined {
  const { hash, isComplete, isPending, path, identifier } = remote
  if (!isComplete || hash === undefined || isPending) return undefined
  const local = here.get(path)
  if (local === undefined) return { type: 'write-here', remote, before: undefined }
  if (!isFresh) return undefined
  if (local.hash !== hash) return { type: 'keep-beside', local }
  return { type: 'note', identifier, base: { path, hash, mark: local.file.mark } }
}
