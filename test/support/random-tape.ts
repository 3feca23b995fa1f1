/** Tapes made from a seed: what two clients and a script wrote, who had seen more or less of each other. */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { toBase64url } from '../../src/protocol/base64.ts'
import type { TapeEvent } from '../../src/protocol/event.ts'
import { SeededRandom } from './seeded-random.ts'

/** Whoever publishes it again in pieces of at most so many has seen nothing that is not there by then. */
export const pieceMax = 10

const texts = ['', 'milk', 'Grüße', '😀 and 日本', 'line\nbreak, "quoted"\\', '\u2028\u0000']

export function randomTape(seed: number, count: number): TapeEvent[] {
  const random = new SeededRandom(seed)
  const counters = new Map<string, number>()
  return Array.from({ length: count }, (_, seq): TapeEvent => {
    const client = random.pick(['anna', 'ben', undefined])
    const counter = client === undefined ? undefined : (counters.get(client) ?? 0) + 1
    if (client !== undefined && counter !== undefined) counters.set(client, counter)
    const seen = Math.max(-1, seq - 1 - pieceMax - random.below(20))
    return { seq, ...(client === undefined ? {} : { client, counter }), seen, ...randomChange(random, client) }
  })
}

function randomChange(random: SeededRandom, client: string | undefined) {
  const collection = random.pick(['tasks', 'notes'])
  const identifier = `${random.below(5)}`
  const model = random.chance(0.2) ? { version: 1 + random.below(3) } : {}
  // A script has no name, so no writes of its own that its deltas could be meant for.
  switch (random.pick(['insert', 'update', 'delete', client === undefined ? 'update' : 'deltas'])) {
    case 'delete':
      return { type: 'delete', collection, identifier, ...model } as const
    case 'deltas': {
      // Nobody else writes it: deltas are taken on what their maker had seen.
      const body = [{ type: 'insert', offset: 0, values: random.pick(texts.slice(1)) }] as const
      return { type: 'update', collection: 'texts', identifier: `of ${client}`, ...model, deltas: { body } } as const
    }
    case 'insert':
      return {
        type: 'insert',
        collection,
        identifier,
        ...model,
        values: { title: random.pick(texts), n: random.next(), list: [1, null] },
      } as const
    default:
      return { type: 'update', collection, identifier, ...model, values: { title: random.pick(texts) } } as const
  }
}

/** An event as it is stored, its members in order. */
export function lineOf({ seq, client, counter, seen, type, collection, identifier, version, values, deltas }: TapeEvent): string {
  return JSON.stringify({ seq, client, counter, seen, type, collection, identifier, version, values, deltas })
}

/** SHA-256 of stored events, as an archive and the end of an import have it. */
export function hashOf(events: readonly TapeEvent[]): string {
  return toBase64url(sha256(utf8ToBytes(events.map((event) => `${lineOf(event)}\n`).join(''))))
}

/** In pieces of so many. */
export function piecesOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))
}
