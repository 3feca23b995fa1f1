/**
 * An ordered list of what is shown, as an array that never changes: another one whenever something in it does. It is made
 * when somebody looks, from the one before and what was set since, so that a change costs what it moves and a copy.
 */
export interface Listed<T> {
  readonly item: T
  /** The order of appearance. */
  readonly rank: number
  readonly position: string | undefined
}

interface Identified {
  readonly identifier: string
}

/** So many that move are put in their places one by one; more are sorted and merged. */
const movesMax = 32

export class ShownList<T extends Identified, L extends Listed<T> = Listed<T>> {
  readonly #compare: (a: L, b: L) => number
  readonly #listed = new Map<string, L>()
  /** In order, as it was when `#items` was made; and the same as items, to be changed in place and copied. */
  #ordered: L[] = []
  #draft: T[] = []
  #items: readonly T[] = []
  /** What has been set since then, with what stands in `#ordered` for it. */
  readonly #set = new Map<string, L | undefined>()

  /** `compare` is to be 0 for nothing but the same item. */
  constructor(compare: (a: L, b: L) => number) {
    this.#compare = compare
  }

  get(identifier: string): L | undefined {
    return this.#listed.get(identifier)
  }

  get size(): number {
    return this.#listed.size
  }

  identifiers(): IterableIterator<string> {
    return this.#listed.keys()
  }

  /** Shows an item anew, or no longer, in the place of what `get` gave for it. */
  set(identifier: string, listed: L | undefined, before: L | undefined): void {
    if (!this.#set.has(identifier)) this.#set.set(identifier, before)
    if (listed === undefined) this.#listed.delete(identifier)
    else this.#listed.set(identifier, listed)
  }

  /** All items in order: the same array until something in it changes. */
  get items(): readonly T[] {
    if (this.#set.size > 0) this.#renew()
    return this.#items
  }

  /** Where an item is in the list; −1 when it is not. */
  indexOf(identifier: string): number {
    if (this.#set.size > 0) this.#renew()
    const listed = this.#listed.get(identifier)
    return listed === undefined ? -1 : this.#search(listed)
  }

  /** What is at this place; undefined beyond the ends. */
  at(index: number): L | undefined {
    if (this.#set.size > 0) this.#renew()
    return this.#ordered[index]
  }

  clear(): void {
    this.#listed.clear()
    this.#set.clear()
    this.#ordered = []
    this.#draft = []
    this.#items = []
  }

  #renew(): void {
    const gone: L[] = []
    const come: L[] = []
    let isReplaced = false
    for (const [identifier, old] of this.#set) {
      const listed = this.#listed.get(identifier)
      if (old !== undefined && listed !== undefined && this.#compare(old, listed) === 0) {
        if (old.item !== listed.item) isReplaced = true
        this.#replace(listed)
        continue
      }
      if (old !== undefined) gone.push(old)
      if (listed !== undefined) come.push(listed)
    }
    this.#set.clear()
    come.sort(this.#compare)
    if (gone.length + come.length > movesMax) this.#merge(gone, come)
    else this.#move(gone, come)
    if (isReplaced || !isSameList(this.#items, this.#draft)) this.#items = this.#draft.slice()
  }

  #replace(listed: L): void {
    const index = this.#search(listed)
    this.#ordered[index] = listed
    this.#draft[index] = listed.item
  }

  #move(gone: readonly L[], come: readonly L[]): void {
    for (const listed of gone) {
      const index = this.#search(listed)
      this.#ordered.splice(index, 1)
      this.#draft.splice(index, 1)
    }
    for (const listed of come) {
      const index = this.#search(listed)
      this.#ordered.splice(index, 0, listed)
      this.#draft.splice(index, 0, listed.item)
    }
  }

  #merge(gone: readonly L[], come: readonly L[]): void {
    const isGone = new Set(gone)
    const stays = isGone.size === 0 ? this.#ordered : this.#ordered.filter((listed) => !isGone.has(listed))
    const merged: L[] = []
    let next = 0
    for (const listed of come) {
      while (next < stays.length && this.#compare(stays[next] as L, listed) < 0) merged.push(stays[next++] as L)
      merged.push(listed)
    }
    while (next < stays.length) merged.push(stays[next++] as L)
    this.#ordered = merged
    this.#draft = merged.map(({ item }) => item)
  }

  /** Where it is, or belongs. */
  #search(listed: L): number {
    let low = 0
    let high = this.#ordered.length
    // What is new mostly comes last.
    if (high > 0 && this.#compare(this.#ordered[high - 1] as L, listed) < 0) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(this.#ordered[middle] as L, listed) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}
