/** Reads what a proxy recorded: the requests of a connection, and the frames of a live socket (RFC 6455). */
import type { Conversation } from './tcp-proxy.ts'

export interface Frames {
  readonly sent: readonly string[]
  readonly received: readonly string[]
  /** Of frames with their headers, without the request and the answer that opened the socket. */
  readonly bytes: number
}

/** The first line of every request on the connection, as `GET /path`. */
export function requestsOf({ up }: Conversation): readonly string[] {
  return [...up.toString('latin1').matchAll(/^((?:GET|POST|DELETE|OPTIONS) \/\S*) HTTP\/1\.1\r$/gm)].map(([, line = '']) => line)
}

/** What went over the connection once it had become a live socket; undefined when it never did. */
export function framesOf({ up, down }: Conversation): Frames | undefined {
  const sent = behindHead(up, /^GET \S*\/live\b/m)
  const received = behindHead(down, /HTTP\/1\.1 101 /)
  if (sent === undefined || received === undefined) return undefined
  return { sent: textFramesOf(sent), received: textFramesOf(received), bytes: sent.length + received.length }
}

/** What follows the head that begins like this. A connection may have carried plain requests before. */
function behindHead(bytes: Buffer, beginning: RegExp): Buffer | undefined {
  const start = bytes.toString('latin1').search(beginning)
  const end = bytes.indexOf('\r\n\r\n', Math.max(0, start))
  return start < 0 || end < 0 ? undefined : bytes.subarray(end + 4)
}

/** The texts of whole frames; a frame that was cut is not one. */
function textFramesOf(bytes: Buffer): readonly string[] {
  const texts: string[] = []
  let at = 0
  while (at + 2 <= bytes.length) {
    const opcode = bytes.readUInt8(at) & 0x0f
    const second = bytes.readUInt8(at + 1)
    const shortLength = second & 0x7f
    const lengthBytes = shortLength === 126 ? 2 : shortLength === 127 ? 8 : 0
    if (at + 2 + lengthBytes > bytes.length) break
    const length = lengthBytes === 0 ? shortLength : Number.parseInt(bytes.toString('hex', at + 2, at + 2 + lengthBytes), 16)
    const maskAt = at + 2 + lengthBytes
    const isMasked = (second & 0x80) !== 0
    const payloadAt = maskAt + (isMasked ? 4 : 0)
    if (payloadAt + length > bytes.length) break
    const payload = Buffer.from(bytes.subarray(payloadAt, payloadAt + length))
    if (isMasked) for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] ?? 0) ^ (bytes[maskAt + (i % 4)] ?? 0)
    if (opcode === 1) texts.push(payload.toString('utf8'))
    at = payloadAt + length
  }
  return texts
}
