/**
 * One live socket as the object sees it: who is behind it, until when, and how to send to it.
 *
 * The object may sleep between any two messages, so what has to last is in the socket's attachment, and a session
 * is no more than that attachment unpacked.
 */
import { closeCodes, Refusal } from '../../protocol/codes.ts'
import type { Selection } from '../../protocol/filter.ts'
import { clientLengthMax, whispersPerSecondMax } from '../../protocol/limits.ts'
import type { LiveSession, Rights } from './live.ts'

interface Attachment extends Rights {
  readonly stream: string
  readonly order: number
  readonly client: string | undefined
  readonly hasEnded: boolean
  readonly filter?: Selection | undefined
}

/** A socket that has so much unsent is not reading: it is closed, and its client fills the hole when it returns. */
const unsentBytesMax = 8 * 1024 * 1024

/** Asking a socket what it has not sent yet costs as much as a tenth of sending, so it is asked only so often. */
const lookEveryUnits = 256 * 1024

const longestClient = 'c'.repeat(clientLengthMax)

/** Told when the session will expire, whenever that is decided: ms since 1970. */
type OnExpiry = (expiresAt: number) => void

export class Session implements LiveSession {
  readonly socket: WebSocket
  readonly #onExpiry: OnExpiry
  #attachment: Attachment
  #sinceLook = 0
  #whispers = { second: 0, count: 0 }

  private constructor(socket: WebSocket, attachment: Attachment, onExpiry: OnExpiry) {
    this.socket = socket
    this.#attachment = attachment
    this.#onExpiry = onExpiry
    onExpiry(attachment.expiresAt)
  }

  /** Throws `too-large` when there is more to be kept of a socket than it holds, with whoever will publish on it. */
  static accept(socket: WebSocket, opening: Omit<Attachment, 'client' | 'hasEnded'>, onExpiry: OnExpiry): Session {
    const attachment = { ...opening, client: undefined, hasEnded: false }
    try {
      socket.serializeAttachment({ ...attachment, client: longestClient })
    } catch {
      throw new Refusal('too-large', { at: 'filter', detail: 'The filter takes more than a socket keeps: ask for less, or over HTTP.' })
    }
    const session = new Session(socket, attachment, onExpiry)
    session.#save()
    return session
  }

  /** The session of a socket that outlived the object's memory. */
  static wake(socket: WebSocket, onExpiry: OnExpiry): Session {
    return new Session(socket, socket.deserializeAttachment() as Attachment, onExpiry)
  }

  get stream(): string {
    return this.#attachment.stream
  }

  get order(): number {
    return this.#attachment.order
  }

  get filter(): Selection | undefined {
    return this.#attachment.filter
  }

  get sub(): string {
    return this.#attachment.sub
  }

  get mayPublish(): boolean {
    return this.#attachment.mayPublish
  }

  get expiresAt(): number {
    return this.#attachment.expiresAt
  }

  get client(): string | undefined {
    return this.#attachment.client
  }

  /** A fresh token was shown: its rights and its end hold from now on. */
  renew(rights: Rights): void {
    this.#attachment = { ...this.#attachment, ...rights }
    this.#save()
    this.#onExpiry(rights.expiresAt)
  }

  publishAs(client: string): void {
    this.#attachment = { ...this.#attachment, client }
    this.#save()
  }

  /** Whether this socket has been closed by us: what still arrives on it is not read. */
  get hasEnded(): boolean {
    return this.#attachment.hasEnded
  }

  send(frame: string): void {
    if (this.hasEnded) return
    try {
      this.socket.send(frame)
    } catch {
      // The socket has closed, and its close event is on the way: nobody is left to tell.
      return
    }
    this.#sinceLook += frame.length
    if (this.#sinceLook < lookEveryUnits) return
    this.#sinceLook = 0
    if ((this.socket.bufferedAmount ?? 0) > unsentBytesMax) this.end(closeCodes.tooSlow, 'too-slow')
  }

  /** Closes the socket, and reads no further frame from it, even after a sleep. */
  end(code: number, reason: string): void {
    try {
      this.#attachment = { ...this.#attachment, hasEnded: true }
      this.#save()
      this.socket.close(code, reason)
    } catch {
      // Closed already.
    }
  }

  /** Counts one whisper; false when this second has seen enough of them. */
  countWhisper(now: number): boolean {
    const second = Math.floor(now / 1000)
    if (second !== this.#whispers.second) this.#whispers = { second, count: 0 }
    return ++this.#whispers.count <= whispersPerSecondMax
  }

  #save(): void {
    this.socket.serializeAttachment(this.#attachment)
  }
}
