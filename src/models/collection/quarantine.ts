/** The records that cannot be shown, and why. */
import { isSameJson } from '../../protocol/index.ts'
import type { Quarantined } from './collection-options.ts'

export class Quarantine {
  readonly #records = new Map<string, Quarantined>()
  #list: readonly Quarantined[] | undefined = []

  /** The same array until one comes, goes or changes. */
  get list(): readonly Quarantined[] {
    this.#list ??= [...this.#records.values()]
    return this.#list
  }

  has(identifier: string): boolean {
    return this.#records.has(identifier)
  }

  /** Whether that is news: the record was not here, or for another reason or with other values. */
  put(quarantined: Quarantined): boolean {
    const before = this.#records.get(quarantined.identifier)
    const isSame = before?.problem === quarantined.problem && isSameJson(before.values, quarantined.values)
    if (isSame && before.seq === quarantined.seq) return false
    this.#records.set(quarantined.identifier, quarantined)
    this.#list = undefined
    return !isSame
  }

  /** Whether it was here. */
  release(identifier: string): boolean {
    const isHere = this.#records.delete(identifier)
    if (isHere) this.#list = undefined
    return isHere
  }

  clear(): void {
    if (this.#records.size === 0) return
    this.#records.clear()
    this.#list = []
  }
}
