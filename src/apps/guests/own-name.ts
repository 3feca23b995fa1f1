/** Who sits in front of this page, as this device remembers it. */

export class OwnName {
  readonly #key: string
  #name = ''

  constructor(device: string | undefined) {
    this.#key = `tapeline.guests.name:${device ?? ''}`
    try {
      this.#name = localStorage.getItem(this.#key) ?? ''
    } catch {
      // Storage is blocked: the name lives as long as the page.
    }
  }

  get name(): string {
    return this.#name
  }

  set name(name: string) {
    this.#name = name
    try {
      localStorage.setItem(this.#key, name)
    } catch {
      // As above.
    }
  }
}
