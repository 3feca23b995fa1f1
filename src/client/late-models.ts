/**
 * Gives models that are attached late what the others have had: all that is kept of the tape. While that is read, the stream
 * may come to another side, or the tape begin anew: then it is read once more.
 */
import type { TapeEvent } from '../protocol/index.ts'
import type { AttachedModels, Attachment } from './attached-models.ts'
import type { Environment } from './environment.ts'
import { retryDelayMs } from './link/connection.ts'
import type { Sides } from './sides.ts'

export interface LateModelsParts {
  readonly sides: Sides
  readonly models: AttachedModels
  readonly environment: Environment
  readonly onKept: (attachment: Attachment, events: readonly TapeEvent[]) => void
}

export class LateModels {
  readonly #parts: LateModelsParts
  #isStopped = false

  constructor(parts: LateModelsParts) {
    this.#parts = parts
  }

  /** Reads for one model, until it is not behind any more. What cannot be read is told once, and read again after a while. */
  async catchUp(attachment: Attachment, attempt = 0): Promise<void> {
    const { sides, environment, onKept } = this.#parts
    const side = sides.current
    const epoch = side?.tape.epoch
    try {
      const events = (await side?.events()) ?? []
      if (!this.#isBehind(attachment)) return
      // What was read belongs to a tape, and a side, that is left behind.
      if (side !== sides.current || epoch !== side?.tape.epoch) return await this.catchUp(attachment)
      onKept(attachment, events)
    } catch (error) {
      const { report, random, setTimer } = environment
      if (attempt === 0) report(error)
      setTimer(() => this.#isBehind(attachment) && void this.catchUp(attachment, attempt + 1), retryDelayMs(attempt, random()))
    }
  }

  /** Nobody is given anything more. */
  stop(): void {
    this.#isStopped = true
  }

  /** It may have been detached meanwhile, or the models have begun anew. */
  #isBehind(attachment: Attachment): boolean {
    return attachment.isBehind && this.#parts.models.has(attachment) && !this.#isStopped
  }
}
