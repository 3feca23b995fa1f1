/**
 * Does for all who ask for the same at once what one of them has it done for. Whoever asked first may have gone, and
 * their question with them: so the others wait for a while only, and then one of them asks.
 */
const sharedMsMax = 2000

export class Shared<T> {
  readonly #underWay = new Map<string, Promise<T>>()

  /** Rejects as `make` does. */
  async of(name: string, make: () => Promise<T>): Promise<T> {
    const others = this.#underWay.get(name)
    if (others !== undefined) {
      const made = await Promise.race([others.catch(() => undefined), after(sharedMsMax)])
      if (made !== undefined) return made
      const newer = this.#underWay.get(name)
      if (newer !== undefined && newer !== others) return this.of(name, make)
    }
    const mine = make().finally(() => {
      if (this.#underWay.get(name) === mine) this.#underWay.delete(name)
    })
    this.#underWay.set(name, mine)
    return mine
  }
}

function after(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms))
}
