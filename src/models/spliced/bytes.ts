/** Binary content for everybody, edited by splices: `{ base64 }` on the tape, a `Uint8Array` here. */
import { type ContentKind, Spliced } from './spliced.ts'
import type { SplicedOptions } from './spliced-options.ts'

export const bytesKind: ContentKind<Uint8Array> = {
  empty: new Uint8Array(0),
  name: 'content',
  unitsMax: 32 * 1024 * 1024,
  // Four characters of base64 for three bytes: it fits an event.
  portions: { insertedMax: 128 * 1024, splicesMax: 400 },
}

export class Bytes extends Spliced<Uint8Array> {
  constructor(collection: string, options: SplicedOptions = {}) {
    super(collection, { ...options, identifier: options.identifier ?? 'bytes', field: options.field ?? 'bytes' }, bytesKind)
  }
}
