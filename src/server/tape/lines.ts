/** Events as they are stored: lines of JSON, joined by `,\n`. */
import type { TapeEvent } from '../../protocol/event.ts'

export function parseLines(lines: Uint8Array): readonly TapeEvent[] {
  return JSON.parse(`[${decoder.decode(lines)}]`)
}

export function toLines(events: readonly TapeEvent[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(encoder.encode(events.map((event) => JSON.stringify(event)).join(',\n')))
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()
