/**
 * The stream of a demo page and the plug it hangs on. Unplugged, the page goes on working with what it has; plugged in
 * again, a new connection takes up the same store: the same client, the same tape so far, the same outbox.
 */
import { MemoryStore, type ModelReconciler, openStream, type Stream, type StreamStatus } from '../../browser/index.ts'
import { GuestToken } from './guest-token.ts'

export class DemoStream {
  readonly name: string
  readonly #models: readonly ModelReconciler[]
  readonly #store = new MemoryStore()
  readonly #guestToken = new GuestToken()
  readonly #onChange: () => void
  #stream: Stream
  #isPlugged = true

  /** `onChange` is called after each change of the status. */
  constructor(name: string, models: readonly ModelReconciler[], onChange: () => void) {
    this.name = name
    this.#models = models
    this.#onChange = onChange
    this.#stream = this.#open()
    for (const model of models) this.#stream.attach(model)
    this.#stream.subscribe(onChange)
  }

  get status(): StreamStatus {
    return this.#stream.status
  }

  get client(): string {
    return this.#stream.client
  }

  get latestSeq(): number {
    return this.#stream.latestSeq
  }

  get isPlugged(): boolean {
    return this.#isPlugged
  }

  /** Why there is no token, for people. */
  get tokenProblem(): string | undefined {
    return this.#guestToken.problem
  }

  /** The models stay attached: what they vend waits in the store. */
  unplug(): void {
    if (!this.#isPlugged) return
    this.#isPlugged = false
    this.#stream.close()
    this.#onChange()
  }

  plug(): void {
    if (this.#isPlugged) return
    this.#isPlugged = true
    const unplugged = this.#stream
    const stream = this.#open()
    // It tells of its first change once it has read the store. Only then does it know the pending drafts, and the
    // models may change over without losing them for a moment.
    const stopWaiting = stream.subscribe(() => {
      stopWaiting()
      this.#stream = stream
      for (const model of this.#models) {
        unplugged.detach(model)
        stream.attach(model)
      }
      stream.subscribe(this.#onChange)
      this.#onChange()
    })
  }

  #open(): Stream {
    return openStream(`/v1/streams/${this.name}`, {
      token: this.#guestToken.fetch,
      store: this.#store,
      report: (error) => {
        console.error(error)
        // A token that could not be had changes nothing in the status, but people should see why.
        this.#onChange()
      },
    })
  }
}
