/**
 * The lamp that everybody shares. Its state travels whole: each flip inserts the lamp anew, so a window that has
 * received nothing but the last flip is right already.
 */
import type { Draft, ModelReconciler, OutboundEventReceiver, TapeEvent } from '../../browser/index.ts'
import { StampedObjects } from '../../models/index.ts'

const collection = 'lights'
const identifier = 'lamp'

export class LightSwitch implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  /** Called after each change of what the lamp shows. */
  onChange: (() => void) | undefined
  readonly #lights = new StampedObjects(collection)

  /** A lamp that nobody has touched is off, and so is one that somebody set to what is no boolean. */
  get isOn(): boolean {
    return this.#lights.get(identifier)?.values.on === true
  }

  /** Whether the last flip is on no tape yet. */
  get isPending(): boolean {
    return this.#lights.get(identifier)?.isPending ?? false
  }

  /** Flips the lamp. Throws when the lamp hangs on no stream. */
  toggle(): void {
    if (this.receiver === undefined) throw new Error('Attach the light switch to a stream first: stream.attach(lightSwitch).')
    this.receiver.didCreateDraft({ type: 'insert', collection, identifier, values: { on: !this.isOn } })
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    if (this.#lights.apply(events, pending).has(identifier)) this.onChange?.()
  }

  reset(): void {
    this.#lights.reset()
    this.onChange?.()
  }
}
