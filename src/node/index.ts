/** Tapeline for programs: a store in a file, and a directory kept in step with a folder. Needs a Node that has node:sqlite, 22.13 or later. */
export { SqliteStore } from './sqlite-store.ts'
export { Disk, DiskError, type DiskErrorCode } from './sync/disk.ts'
export { FolderSync, type FolderSyncOptions, type SyncNews, type SyncStream } from './sync/folder-sync.ts'
