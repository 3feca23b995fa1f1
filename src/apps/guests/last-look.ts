/** Where on the tape this browser looked last, and who was here then. Kept on this device. */
import type { Attendance } from '../../models/index.ts'

export interface Look {
  readonly seq: number
  readonly here: Attendance
}

export class LastLook {
  readonly #key: string
  #look: Look | undefined

  /** Each device has looked by itself, at each stream. */
  constructor(streamName: string, device: string | undefined) {
    this.#key = `tapeline.guests.look:${streamName}:${device ?? ''}`
    try {
      this.#look = decodeLook(localStorage.getItem(this.#key))
    } catch {
      // Storage is blocked: this window looks for the first time.
    }
  }

  get look(): Look | undefined {
    return this.#look
  }

  set look(look: Look | undefined) {
    this.#look = look
    try {
      if (look === undefined) localStorage.removeItem(this.#key)
      else localStorage.setItem(this.#key, JSON.stringify({ seq: look.seq, here: [...look.here] }))
    } catch {
      // Kept in this window alone.
    }
  }
}

/** Undefined for what nobody could have kept here. */
export function decodeLook(text: string | null): Look | undefined {
  if (text === null) return undefined
  try {
    const { seq, here } = JSON.parse(text) as { seq: unknown; here: unknown }
    if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || !Array.isArray(here)) return undefined
    const isEntry = (entry: unknown): entry is [string, string] => Array.isArray(entry) && entry.length === 2 && entry.every(isText)
    return here.every(isEntry) ? { seq, here: new Map(here) } : undefined
  } catch {
    return undefined
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
