import { MemoryStore } from '../../src/client/index.ts'
import { clientStoreContract } from '../contract/client-store.ts'

clientStoreContract('memory', () => new MemoryStore())
