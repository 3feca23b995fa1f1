/** The bucket of the tests' deployment, with moods: it works, refuses everything, says nothing, or holds what comes until it is let go. */

type Mood = 'well' | 'down' | 'silent' | 'held'

export class Moods {
  #mood: Mood = 'well'
  /** What waits to be let go. */
  readonly #held = new Set<object>()
  readonly #kept = new Set<object>()

  get held(): number {
    return this.#held.size
  }

  /** What has waited goes on when it is well again. */
  set(mood: Mood): void {
    this.#mood = mood
    if (mood === 'well') this.#held.clear()
  }

  /** Whoever is held so far stays so until the function is called, whatever the mood. */
  keep(): () => void {
    const kept = [...this.#held]
    this.#held.clear()
    for (const one of kept) this.#kept.add(one)
    return () => this.#kept.clear()
  }

  /**
   * How the bucket feels when it is asked. Nobody else may wake who waits here: an object goes on in its own turn alone, so
   * each looks again by itself.
   */
  async ask(): Promise<void> {
    if (this.#mood === 'down') throw new Error('The bucket is down.')
    while (this.#mood === 'silent') await turn()
    if (this.#mood !== 'held') return
    const me = {}
    this.#held.add(me)
    while (this.#held.has(me) || this.#kept.has(me)) await turn()
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0))

/** Of all streams: tests that change it do so one after another. */
export const moods = new Moods()

export function moody(bucket: R2Bucket): R2Bucket {
  return new Proxy(bucket, {
    get: (target, name: keyof R2Bucket) => {
      return async (...asked: unknown[]) => {
        await moods.ask()
        return (target[name] as (...some: unknown[]) => Promise<unknown>).apply(target, asked)
      }
    },
  })
}
