/** A text for everybody, edited by splices that never cut a surrogate pair. Offsets and lengths are UTF-16 units. */
import { type ContentKind, Spliced } from './spliced.ts'
import type { SplicedOptions } from './spliced-options.ts'

export const textKind: ContentKind<string> = {
  empty: '',
  name: 'text',
  // 32 MiB of memory; documents that people write by hand are a thousandth of it.
  unitsMax: 16 * 1024 * 1024,
  // At most three bytes a unit, and up to two deltas a splice, of which a draft may have a thousand: it fits an event.
  portions: { insertedMax: 64 * 1024, splicesMax: 400 },
}

export class Text extends Spliced<string> {
  constructor(collection: string, options: SplicedOptions = {}) {
    super(collection, { ...options, identifier: options.identifier ?? 'text', field: options.field ?? 'text' }, textKind)
  }
}
