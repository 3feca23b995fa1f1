/** Tapeline for programs: a store in a file. Needs a Node that has node:sqlite, 22.13 or later. */
export { SqliteStore } from './sqlite-store.ts'
