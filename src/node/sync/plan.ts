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
 *
 * What has vanished there without being removed, as what is redacted does, is left alone here until it is changed.
 */
import type { FolderFile } from '../../models/index.ts'
import type { DiskFile, DiskProblem, Mark } from './disk.ts'

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

export interface Plan {
  readonly actions: readonly Action[]
  /** What is left alone. */
  readonly problems: readonly DiskProblem[]
}

export function plan({ bases, here, there, isRemoved }: States): Plan {
  const actions: Action[] = []
  const byIdentifier = new Map(there.map((file) => [file.identifier, file]))
  const known = new Set(Array.from(bases.values(), ({ path }) => path))
  const living = new Set(Array.from(bases, ([identifier, { path }]) => (byIdentifier.has(identifier) ? path : undefined)))
  const fresh = new Map([...here].filter(([path]) => !known.has(path)))
  const left = new Set<string>()
  for (const [identifier, base] of bases) {
    const local = here.get(base.path)
    const remote = byIdentifier.get(identifier)
    let action: Action | undefined
    if (remote === undefined && base.isNew !== true && !isRemoved(identifier)) {
      action = vanished(identifier, base, { local: living.has(base.path) ? undefined : local, fresh })
      if (action === undefined) left.add(base.path)
    } else if (remote === undefined) action = withoutRemote(identifier, base, local)
    else if (local === undefined) action = withoutLocal(base, remote, { here, fresh })
    else action = withBoth(base, { local, remote, here })
    if (action !== undefined) actions.push(action)
  }
  for (const remote of there) {
    if (bases.has(remote.identifier)) continue
    const action = unknown(remote, here, { isFresh: fresh.has(remote.path), isLeft: left.has(remote.path) })
    fresh.delete(remote.path)
    left.delete(remote.path)
    if (action !== undefined) actions.push(action)
  }
  for (const local of fresh.values()) actions.push({ type: 'add', local })
  return { actions, problems: Array.from(left, (path) => ({ path, problem: vanishedProblem })) }
}

const vanishedProblem =
  'It is not on the stream any more, and nobody has removed it there: it may have been redacted. When it is changed it goes there anew.'

function withoutRemote(identifier: string, { hash, isNew }: Base, local: Local | undefined): Action {
  // What was changed here is new there, and so is what has been on no tape.
  if (local === undefined || isNew === true || local.hash !== hash) return { type: 'note', identifier, base: undefined }
  return { type: 'remove-here', identifier, local }
}

/** `local`: the file, unless it is in step with another one by now. Undefined when it is left alone. */
function vanished(
  identifier: string,
  base: Base,
  { local, fresh }: { readonly local: Local | undefined; readonly fresh: Map<string, Local> },
): Action | undefined {
  if (local?.hash === base.hash) return undefined
  const moved = local === undefined ? takeMoved(base, fresh) : undefined
  if (moved === undefined) return { type: 'note', identifier, base: undefined }
  return { type: 'note', identifier, base: { path: moved.file.path, hash: base.hash, mark: moved.file.mark } }
}

/** The file under another path, which is not taken for a new one then. */
function takeMoved({ hash }: Base, fresh: Map<string, Local>): Local | undefined {
  const moved = [...fresh.values()].find((local) => local.hash === hash)
  if (moved !== undefined) fresh.delete(moved.file.path)
  return moved
}

function withoutLocal(
  base: Base,
  remote: FolderFile,
  { here, fresh }: { readonly here: States['here']; readonly fresh: Map<string, Local> },
): Action | undefined {
  if (!remote.isComplete || remote.isPending) return undefined
  // What was changed there is brought here, and what was moved is another file then.
  const isSame = remote.path === base.path && remote.hash === base.hash
  const moved = isSame ? takeMoved(base, fresh) : undefined
  if (moved !== undefined) return { type: 'rename', remote, local: moved }
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

/** `isFresh`: whether a file is here at its path that has nothing to do with any other; `isLeft`: whether what it was in step with has vanished. */
function unknown(
  remote: FolderFile,
  here: States['here'],
  { isFresh, isLeft }: { readonly isFresh: boolean; readonly isLeft: boolean },
): Action | undefined {
  const { hash, isComplete, isPending, path, identifier } = remote
  if (!isComplete || hash === undefined || isPending) return undefined
  const local = here.get(path)
  if (local === undefined) return { type: 'write-here', remote, before: undefined }
  if (!isFresh && !isLeft) return undefined
  if (local.hash === hash) return { type: 'note', identifier, base: { path, hash, mark: local.file.mark } }
  return isLeft ? { type: 'write-here', remote, before: local } : { type: 'keep-beside', local }
}
