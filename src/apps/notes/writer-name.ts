/** What this device is called by others: a name drawn once, until somebody writes a better one. */
const names = ['Alex', 'Blake', 'Caroline', 'Dan', 'Emily', 'George', 'Robin', 'Sam']

export class WriterName {
  readonly #key: string
  #name: string

  constructor(device: string | undefined) {
    this.#key = `tapeline.notes.name:${device ?? ''}`
    this.#name = this.#kept() || (names[Math.floor(Math.random() * names.length)] as string)
    this.#keep()
  }

  get name(): string {
    return this.#name
  }

  set name(name: string) {
    this.#name = name
    this.#keep()
  }

  #kept(): string {
    try {
      return localStorage.getItem(this.#key) ?? ''
    } catch {
      return ''
    }
  }

  #keep(): void {
    try {
      localStorage.setItem(this.#key, this.#name)
    } catch {
      // Storage is blocked: the name lives as long as the page.
    }
  }
}
