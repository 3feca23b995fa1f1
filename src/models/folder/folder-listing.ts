/** What shows of a folder: its objects read as files, each under a path that no other has, on any system. */
import { writeOf } from '../../protocol/index.ts'
import type { ShownObject, StampedObjects } from '../objects/stamped-objects.ts'
import { type FileRecord, type NoFile, readFileRecord, sizeOf } from './file-record.ts'
import type { FolderFile } from './folder-options.ts'
import { arrangePaths, type ClaimedPath, foldersOf, twinKey } from './paths.ts'

/** What shows of the folder, worked out together. */
export interface Listing {
  /** By path. */
  readonly files: readonly FolderFile[]
  readonly byPath: ReadonlyMap<string, FolderFile>
  /** The same by `twinKey`, and the folders that they lie in. */
  readonly byKey: ReadonlyMap<string, FolderFile>
  readonly folders: ReadonlySet<string>
}

export class FolderListing {
  readonly #objects: StampedObjects
  /** Read once for each state of its object. */
  readonly #records = new WeakMap<ShownObject, FileRecord | NoFile>()
  #listing: Listing | undefined

  constructor(objects: StampedObjects) {
    this.#objects = objects
  }

  /** The same until something changes. */
  get current(): Listing {
    this.#listing ??= this.#arrange()
    return this.#listing
  }

  /** The objects, or what is known of them, are others now. */
  changed(): void {
    this.#listing = undefined
  }

  recordOf(object: ShownObject): FileRecord | NoFile {
    const known = this.#records.get(object)
    if (known !== undefined) return known
    const record = readFileRecord(object.values)
    this.#records.set(object, record)
    return record
  }

  /** What some system could not have a new file beside, for people. */
  twinOf(path: string): string | undefined {
    const { byKey, folders } = this.current
    const key = twinKey(path)
    if (folders.has(key)) return 'There is a folder of this name.'
    const twin = [key, ...foldersOf(path).map(twinKey)].map((each) => byKey.get(each)).find((file) => file !== undefined)
    return twin === undefined ? undefined : `Some systems cannot have it beside ${JSON.stringify(twin.path)}.`
  }

  #arrange(): Listing {
    const records = new Map<string, FileRecord>()
    const claims: ClaimedPath[] = []
    for (const object of this.#objects.entries()) {
      const record = this.recordOf(object)
      if ('problem' in record) continue
      const { identifier } = object
      records.set(identifier, record)
      claims.push({ identifier, path: record.path, since: writeOf(this.#objects.state(identifier), 'path').seq })
    }
    const byPath = new Map<string, FolderFile>()
    const byKey = new Map<string, FolderFile>()
    const folders = new Set<string>()
    for (const [identifier, path] of arrangePaths(claims)) {
      const file = this.#fileOf(identifier, path, records.get(identifier) as FileRecord)
      byPath.set(path, file)
      byKey.set(twinKey(path), file)
      for (const folder of foldersOf(path)) folders.add(twinKey(folder))
    }
    return { files: [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1)), byPath, byKey, folders }
  }

  #fileOf(identifier: string, path: string, record: FileRecord): FolderFile {
    const objects = this.#objects
    const isPending = objects.get(identifier)?.isPending === true
    // What is pending lies on what its maker saw, or it says nothing.
    const isWhole = !isPending || (objects.isSettled(identifier) && !objects.isOvertaken(identifier))
    const isComplete = record.hash !== null && record.parts.length === record.count && objects.isComplete(identifier) && isWhole
    return {
      identifier,
      path,
      hash: isComplete ? (record.hash ?? undefined) : undefined,
      isComplete,
      size: sizeOf(record),
      progress: { have: record.parts.length, total: record.count },
      isPending,
    }
  }
}
