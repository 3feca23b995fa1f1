/**
 * A WebSocket client that costs next to nothing, so that a thousand of them leave the server its core: it masks what
 * it sends as every client must, and of what it receives it reads the first bytes of each frame and skips the rest.
 */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Server } from './workerd.ts'

/** Enough for `type`, `epoch` and `latestSeq`. */
const headBytesMax = 128

/** Fires when a frame has arrived in full, with how it begins and the bytes of its payload. */
export type OnFrame = (head: string, bytes: number) => void

export class LiveSocket {
  readonly #socket: Socket
  onFrame: OnFrame = () => {}
  frames = 0
  payloadBytes = 0
  /** What has come of the frame at hand: its header and the start of its payload. */
  #head: Buffer = Buffer.alloc(0)
  #payloadBytesToSkip = 0
  #payloadBytesInFrame = 0

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Connects, and gives the frames from the first on to `onFrame`. */
  static open({ port, token }: Server, path: string, onFrame: OnFrame = () => {}): Promise<LiveSocket> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const live = new LiveSocket(socket)
    live.onFrame = onFrame
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Protocol: tapeline.v1, ${token}\r\n\r\n`,
    )
    return new Promise((resolve, reject) => {
      let handshake = Buffer.alloc(0)
      const onData = (chunk: Buffer) => {
        handshake = Buffer.concat([handshake, chunk])
        const end = handshake.indexOf('\r\n\r\n')
        if (end < 0) return
        if (!handshake.toString('latin1', 0, end).startsWith('HTTP/1.1 101')) return reject(new Error(handshake.toString()))
        socket.off('data', onData)
        socket.on('data', (bytes: Buffer) => live.#receive(bytes))
        resolve(live)
        if (handshake.length > end + 4) live.#receive(handshake.subarray(end + 4))
      }
      socket.on('data', onData)
      socket.on('error', reject)
    })
  }

  /** Sends one text frame; the text is ASCII, as all of this bench's is. */
  send(text: string): void {
    const lengthBytes = text.length < 126 ? 0 : text.length < 65536 ? 2 : 8
    const payloadAt = 2 + lengthBytes + 4
    // The payload starts at a multiple of four, so that it can be masked by words.
    const padding = -payloadAt & 3
    const paddedLength = (text.length + 3) & ~3
    const frame = Buffer.from(new ArrayBuffer(padding + payloadAt + paddedLength), padding)
    frame[0] = 0x81
    frame[1] = 0x80 | (lengthBytes === 0 ? text.length : lengthBytes === 2 ? 126 : 127)
    if (lengthBytes === 2) frame.writeUInt16BE(text.length, 2)
    if (lengthBytes === 8) frame.writeBigUInt64BE(BigInt(text.length), 2)
    const mask = (Math.random() * 0xffffffff) | 0
    frame.writeInt32LE(mask, payloadAt - 4)
    frame.write(text, payloadAt, 'latin1')
    const words = new Int32Array(frame.buffer, padding + payloadAt, paddedLength / 4)
    for (let i = 0; i < words.length; i++) words[i] = (words[i] ?? 0) ^ mask
    this.#socket.write(frame.subarray(0, payloadAt + text.length))
  }

  /** Everything sent in `run` leaves together, as what a browser sends in one turn does. */
  together(run: () => void): void {
    this.#socket.cork()
    run()
    this.#socket.uncork()
  }

  /** Ends the connection without a farewell: the server sees that it is gone. */
  close(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#payloadBytesToSkip > 0) {
        const skipped = Math.min(rest.length, this.#payloadBytesToSkip)
        rest = rest.subarray(skipped)
        this.#payloadBytesToSkip -= skipped
        if (this.#payloadBytesToSkip === 0) this.#end()
        continue
      }
      rest = this.#readHead(rest)
    }
  }

  /** Collects a frame's first bytes until its length and its head are known; gives what comes after them. */
  #readHead(chunk: Buffer): Buffer {
    const bytes = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk])
    const shortLength = (bytes[1] ?? 0) & 0x7f
    const payloadAt = shortLength < 126 ? 2 : shortLength === 126 ? 4 : 10
    if (bytes.length >= payloadAt) {
      const length = shortLength < 126 ? shortLength : shortLength === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
      const headEnd = payloadAt + Math.min(length, headBytesMax)
      if (bytes.length >= headEnd) {
        if (bytes[0] !== 0x81) throw new Error(`A frame that is no text: ${bytes.toString('latin1', 0, headEnd)}`)
        this.#head = bytes.subarray(payloadAt, headEnd)
        this.#payloadBytesInFrame = length
        this.#payloadBytesToSkip = length - (headEnd - payloadAt)
        if (this.#payloadBytesToSkip === 0) this.#end()
        return bytes.subarray(headEnd)
      }
    }
    this.#head = Buffer.from(bytes)
    return empty
  }

  #end(): void {
    const head = this.#head.toString('latin1')
    this.#head = empty
    this.frames++
    this.payloadBytes += this.#payloadBytesInFrame
    if (head.startsWith('{"type":"refused"')) throw new Error(`The server refused: ${head}`)
    this.onFrame(head, this.#payloadBytesInFrame)
  }
}

const empty: Buffer = Buffer.alloc(0)

/** The latestSeq of a frame, out of its head. */
export function latestSeqOf(head: string): number {
  const at = head.indexOf('"latestSeq":')
  if (at < 0) throw new Error(`A frame without latestSeq: ${head}`)
  return Number.parseInt(head.slice(at + 12, at + 30), 10)
}
