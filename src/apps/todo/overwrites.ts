/**
 * Titles that others had written while an edit of theirs went on here, and that the edit has overwritten. By the
 * protocol they are no conflicts: this page had read them, and only the person at the edit had not.
 */

export interface Overwrite {
  readonly identifier: string
  /** The title that was overwritten. */
  readonly overwritten: string
  readonly keepMine: () => void
  readonly keepTheirs: () => void
  readonly dismiss: () => void
}

export interface OverwritesParts {
  /** Undefined when there is no such task. */
  readonly titleOf: (identifier: string) => string | undefined
  readonly rename: (identifier: string, title: string) => void
  readonly onChange: () => void
}

export class Overwrites {
  readonly #parts: OverwritesParts
  /** With the title as it was saved. */
  #open: ReadonlyMap<Overwrite, string> = new Map()

  constructor(parts: OverwritesParts) {
    this.#parts = parts
  }

  get list(): readonly Overwrite[] {
    return [...this.#open.keys()]
  }

  /** The edit of a task has just been saved over this title. */
  add(identifier: string, overwritten: string): void {
    const mine = this.#parts.titleOf(identifier)
    if (mine === undefined) return
    const dismiss = () => this.#close((each) => each === overwrite)
    const keepTheirs = () => {
      if (!this.#open.has(overwrite)) return
      this.#parts.rename(identifier, overwritten)
      dismiss()
    }
    const overwrite: Overwrite = { identifier, overwritten, keepMine: dismiss, keepTheirs, dismiss }
    this.#open = new Map([...this.#open, [overwrite, mine]])
    this.#parts.onChange()
  }

  /** After any change of the tasks: what has another title now, or is gone, needs no decision. */
  prune(): void {
    this.#close(({ identifier }, mine) => this.#parts.titleOf(identifier) !== mine)
  }

  #close(isClosed: (overwrite: Overwrite, mine: string) => boolean): void {
    const open = new Map([...this.#open].filter(([overwrite, mine]) => !isClosed(overwrite, mine)))
    if (open.size === this.#open.size) return
    this.#open = open
    this.#parts.onChange()
  }
}
