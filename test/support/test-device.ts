/**
 * A device without a network: a model, the drafts that it made, and how much it has heard of a tape that it shares with
 * others. Whoever holds it says when a draft is sent and when an event is heard.
 */
import type { ModelReconciler, OutboundEventReceiver } from '../../src/client/reconciler.ts'
import type { Change, Draft, TapeEvent } from '../../src/protocol/index.ts'

export interface TestDeviceOptions {
  readonly client: string
  /** Events are pushed here. */
  readonly tape: TapeEvent[]
  readonly model: ModelReconciler
}

export class TestDevice implements OutboundEventReceiver {
  readonly #options: TestDeviceOptions
  #pending: readonly (Draft & { readonly counter: number })[] = []
  #heard = 0
  #counter = 0
  #sent = 0

  constructor(options: TestDeviceOptions) {
    this.#options = options
    options.model.receiver = this
  }

  didCreateDraft(change: Change): void {
    this.#pending = [...this.#pending, { seen: this.#heard - 1, counter: ++this.#counter, ...change }]
    this.#apply([])
  }

  /** Puts the oldest draft that was not sent on the tape, without hearing of it. */
  send(): void {
    const { tape, client } = this.#options
    const draft = this.#pending.find(({ counter }) => counter > this.#sent)
    if (draft === undefined) return
    const { expect: _, ...contents } = draft
    this.#sent = draft.counter
    tape.push({ seq: tape.length, client, ...contents })
  }

  /** Applies what is next on the tape. */
  hear(events = Number.POSITIVE_INFINITY): void {
    const { tape, client } = this.#options
    const run = tape.slice(this.#heard, this.#heard + events)
    this.#heard += run.length
    const confirmed = new Set(run.filter((event) => event.client === client).map(({ counter }) => counter))
    if (confirmed.size > 0) this.#pending = this.#pending.filter(({ counter }) => !confirmed.has(counter))
    this.#apply(run)
  }

  /** The server refused the oldest draft: it was never sent, and is gone. */
  refuse(): void {
    this.#pending = this.#pending.slice(1).map((draft, index) => ({ ...draft, counter: this.#sent + 1 + index }))
    this.#counter = this.#sent + this.#pending.length
    this.#apply([])
  }

  get isIdle(): boolean {
    return this.#pending.length === 0 && this.#heard === this.#options.tape.length
  }

  #apply(events: readonly TapeEvent[]): void {
    this.#options.model.apply(events, this.#pending, { client: this.#options.client, holes: [] })
  }
}

/** All send and hear, in turns, until there is nothing more. */
export function settle(...devices: readonly TestDevice[]): void {
  while (devices.some(({ isIdle }) => !isIdle)) {
    for (const device of devices) device.send()
    for (const device of devices) device.hear()
  }
}
