/**
 * Stands in for a lock where the browser has none: a note in localStorage, renewed as long as its tab lives. Two tabs may
 * both believe that they have it, when one was too slow to renew: then the store's claim tells them apart, so that this
 * need not be exact.
 */

/** A tab that has not renewed for so long is taken for dead: within the second that a hand-over may take. */
const leaseMs = 800
const renewalMs = 200

export class Lease {
  readonly #key: string
  readonly #tab = String(crypto.getRandomValues(new Uint32Array(2)))

  constructor(name: string) {
    this.#key = `${name} owner`
  }

  /** Resolves with what ends it, once it is ours; with undefined, without waiting, with `ifFree`, and when `signal` ends the wait. */
  async own(ifFree: boolean, signal: AbortSignal): Promise<(() => void) | undefined> {
    while (!signal.aborted) {
      if (this.#isFree()) {
        this.#renew()
        // Whoever wrote last among those who found it free at the same time has it.
        await sleep(renewalMs / 4)
        if (this.#isOurs()) return this.#hold()
      }
      if (ifFree) return undefined
      await sleep(renewalMs)
    }
    return undefined
  }

  #hold(): () => void {
    const renewal = setInterval(() => {
      if (this.#isOurs()) this.#renew()
      else clearInterval(renewal)
    }, renewalMs)
    return () => {
      clearInterval(renewal)
      if (this.#isOurs()) localStorage.removeItem(this.#key)
    }
  }

  #renew(): void {
    localStorage.setItem(this.#key, JSON.stringify([this.#tab, Date.now() + leaseMs]))
  }

  #isFree(): boolean {
    const [, until] = this.#read()
    // A clock that was put back would make it last for ever.
    return until < Date.now() || until > Date.now() + leaseMs
  }

  #isOurs(): boolean {
    return this.#read()[0] === this.#tab
  }

  #read(): readonly [tab: string | undefined, until: number] {
    try {
      const [tab, until] = JSON.parse(localStorage.getItem(this.#key) ?? '[]') as [string?, number?]
      return [tab, until ?? 0]
    } catch {
      return [undefined, 0]
    }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
