/**
 * Who else is writing, and where: told by whispers, which nobody keeps. A cursor moves with the text around it, and is
 * gone when nothing was heard of its writer for a while.
 */
import type { Json, Stream } from '../../browser/index.ts'
import type { Text, TrackedRange } from '../../models/index.ts'

export interface Writer {
  readonly client: string
  readonly name: string
  readonly range: TrackedRange
}

interface Heard extends Writer {
  readonly timer: ReturnType<typeof setTimeout>
}

/** Whoever does nothing for so long may be gone. */
const quietMsMax = 20_000
/** A tenth of what the server lets through. */
const whisperEveryMs = 100
const nameLengthMax = 24

export class Writers {
  readonly #stream: Stream
  readonly #text: Text
  readonly #onChange: () => void
  readonly #heard = new Map<string, Heard>()
  #whispering: ReturnType<typeof setTimeout> | undefined

  constructor({ stream, text, onChange }: { readonly stream: Stream; readonly text: Text; readonly onChange: () => void }) {
    this.#stream = stream
    this.#text = text
    this.#onChange = onChange
    stream.onWhisper(({ client, data }) => this.#hear(client, data))
  }

  get list(): readonly Writer[] {
    return [...this.#heard.values()]
  }

  /** Tells where this device writes, a little later, so that what follows at once is told together. */
  tell(look: () => { readonly name: string; readonly from: number; readonly to: number }): void {
    this.#whispering ??= setTimeout(() => {
      this.#whispering = undefined
      this.#stream.whisper({ type: 'cursor', ...look() })
    }, whisperEveryMs)
  }

  /** Whatever is whispered: anybody may whisper anything. */
  #hear(client: string, data: Json): void {
    if (typeof data !== 'object' || data === null || Array.isArray(data)) return
    const { type, name, from, to } = data as Readonly<Record<string, Json>>
    if (type !== 'cursor' || typeof name !== 'string' || !isPlace(from) || !isPlace(to)) return
    this.#forget(client)
    const { length } = this.#text
    const range = this.#text.track(Math.min(from, to, length), Math.min(Math.max(from, to), length))
    const timer = setTimeout(() => {
      this.#forget(client)
      this.#onChange()
    }, quietMsMax)
    this.#heard.set(client, { client, name: name.trim().slice(0, nameLengthMax).toWellFormed() || 'Somebody', range, timer })
    this.#onChange()
  }

  #forget(client: string): void {
    const heard = this.#heard.get(client)
    if (heard === undefined) return
    clearTimeout(heard.timer)
    heard.range.release()
    this.#heard.delete(client)
  }
}

function isPlace(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
