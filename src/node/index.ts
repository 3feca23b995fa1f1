/** Tapeline for programs: a store in a file, a directory kept in step with a folder, and streams exported to files and imported from them. Needs a Node that has node:sqlite, 22.13 or later. */
export { SqliteStore } from './sqlite-store.ts'
export { Disk, DiskError, type DiskErrorCode } from './sync/disk.ts'
export { FolderSync } from './sync/folder-sync.ts'
export type { FolderSyncOptions, SyncNews, SyncStream } from './sync/folder-sync-options.ts'
export { type ExportOptions, exportStream } from './transfer/export-stream.ts'
export { type ImportOptions, importFile, UnfinishedImport } from './transfer/import-file.ts'
export { StreamDoor, type StreamDoorOptions } from './transfer/stream-door.ts'
export { TransferError, type TransferProgress } from './transfer/transfer-error.ts'
