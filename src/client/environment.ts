/** What the client takes from outside, so that it runs anywhere and a test can own its time and its luck. */

export interface Environment {
  /** Wall clock in ms since 1970, for people to read. It decides nothing. */
  readonly now: () => number
  /** Runs a function once after so many ms, and gives what `clearTimer` takes. Never fails. */
  readonly setTimer: (run: () => void, afterMs: number) => unknown
  readonly clearTimer: (timer: unknown) => void
  /** From 0 up to, not including, 1. */
  readonly random: () => number
  /** An id that nobody else makes: a client's. */
  readonly newId: () => string
  /** Told of failures that are nobody's input: a model that throws, a store that cannot write. */
  readonly report: (error: unknown) => void
}
