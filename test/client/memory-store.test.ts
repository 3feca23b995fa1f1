import { MemoryStore } from '../../src/client/index.ts'
import { clientStoreContract } from '../contract/client-store.ts'

clientStoreContract('memory', () => {
  const first = new MemoryStore()
  return { open: () => new MemoryStore(first) }
})
