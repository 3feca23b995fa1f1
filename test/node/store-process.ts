/** A process of its own over a store in a file: does what it is told, in turn, and answers each. */
import { SqliteStore } from '../../src/node/index.ts'

const [, , path = '', user] = process.argv
// Whoever runs as root may write everywhere.
if (user !== undefined) process.setuid?.(Number(user))
const store = new SqliteStore(path)

process.on('message', async ([method, ...args]: [keyof SqliteStore, ...unknown[]]) => {
  try {
    const call = store[method] as (...args: unknown[]) => Promise<unknown>
    process.send?.({ value: await call.apply(store, args) })
  } catch (error) {
    process.send?.({ trouble: (error as { trouble?: unknown }).trouble, text: String(error) })
  }
})
