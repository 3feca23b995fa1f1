/**
 * The live socket's conversation, without the platform: what each frame does, and what the server says first.
 * A session is whoever is behind a socket; the object keeps sessions over hibernation, a simulation keeps them in memory.
 */
import { closeCodes, Refusal } from '../../protocol/codes.ts'
import type { Selection } from '../../protocol/filter.ts'
import { type ClientFrame, decodeClientFrame, RefusedFrame, type WelcomeFrame } from '../../protocol/frames.ts'
import { frameBytesMax, seqMax } from '../../protocol/limits.ts'
import { countSeqs, type SeqRanges } from '../../protocol/seq-ranges.ts'
import type { Listener } from '../broadcast.ts'
import { refusedFrame } from '../problem.ts'
import type { StreamCore } from '../stream-core.ts'
import { rowBytesMax } from '../tape/row-cutter.ts'
import type { Page } from '../tape/slice-reader.ts'

export interface Rights {
  readonly sub: string
  readonly mayPublish: boolean
  /** Wall clock, ms since 1970. */
  readonly expiresAt: number
}

export interface LiveSession extends Listener, Rights {
  /** Sessions of one stream in the order in which they were opened. */
  readonly order: number
  /** The client that publishes here, once it has, or has said when it opened the socket that it will. */
  readonly client: string | undefined
  /** Whether the server has closed it: what still arrives is not read. */
  readonly hasEnded: boolean
  /** Closes the socket and marks the session as ended, for good. Never throws. */
  end(code: number, reason: string): void
  publishAs(client: string): void
  renew(rights: Rights): void
  /** Counts one whisper; false when this second has seen enough of them. */
  countWhisper(nowMs: number): boolean
}

/** What the address of a live socket asks for. */
export interface Opening {
  readonly after: number | undefined
  readonly epoch: string | undefined
  /** Who will publish on it. */
  readonly client?: string | undefined
  /** The newest that it was given of this tape: see `Marks`. */
  readonly mark?: string | undefined
  /** What of the tape is wanted on it; absent for all. */
  readonly filter?: Selection | undefined
}

export interface LiveOptions<Session extends LiveSession> {
  readonly core: StreamCore
  /** Everyone who listens and may be sent to. */
  readonly sessions: Iterable<Session>
  /** Checks a fresh token for this stream; rejects with a `Refusal`. */
  readonly verify: (token: string) => Promise<Rights>
  /** Wall clock, ms since 1970. */
  readonly now: () => number
  /** Told of failures that are not the sender's, for the log. */
  readonly report: (error: unknown) => void
}

/** A client that is further behind than this asks for what it lacks itself, in pages that a cache can serve. */
const firstSliceEventsMax = 1000
const firstSliceBytesMax = 256 * 1024
/** A frame's, with room for what stands around the events. */
const foldedBytesMax = frameBytesMax - 64 * 1024

export class Live<Session extends LiveSession> {
  readonly #options: LiveOptions<Session>
  readonly #core: StreamCore

  constructor(options: LiveOptions<Session>) {
    this.#options = options
    this.#core = options.core
  }

  /**
   * What a new socket is told first. It joins `sessions` right after this, in the same run and not before: what is
   * decided on the way would come to it ahead of its welcome, which counts it already. Throws `stream-deleted`.
   */
  open(session: Session, { after, epoch: underEpoch, client, mark: known }: Opening): void {
    this.#core.checkMark(known)
    const counter = client === undefined ? undefined : this.#claimAtOpening(client, session)
    const { epoch, latestSeq, closed } = this.#core.state
    const isSameEpoch = underEpoch === undefined || underEpoch === epoch
    const first = after === undefined || !isSameEpoch || session.filter !== undefined ? undefined : this.#everythingAfter(after, latestSeq)
    const follows = first === undefined ? {} : { follows: first.covers }
    const expiresInMs = session.expiresAt - this.#options.now()
    const taken = counter === undefined ? {} : { counter }
    session.send(
      JSON.stringify({
        type: 'welcome',
        epoch,
        latestSeq,
        mark: this.#core.mark,
        expiresInMs,
        ...taken,
        ...follows,
        ...(closed ? { closed } : {}),
      } satisfies WelcomeFrame),
    )
    if (first !== undefined) this.#sendPage(session, first)
  }

  /** One message from a socket. Settles when it has been dealt with, which only a token takes time for. */
  receive(session: Session, message: string | ArrayBuffer): Promise<void> | void {
    if (session.hasEnded) return
    try {
      const frame = decodeClientFrame(message)
      if (frame.type === 'token') return this.#renew(session, frame.token)
      if (this.#endIfExpired(session)) return
      return this.#handle(session, frame)
    } catch (error) {
      if (error instanceof RefusedFrame) this.#refuse(session, error.refusal, error.ref)
      else this.#refuse(session, error, undefined)
    }
  }

  #handle(session: Session, frame: Exclude<ClientFrame, { type: 'token' }>): Promise<void> | void {
    switch (frame.type) {
      case 'publish':
        return this.#publish(session, frame)
      case 'fetch':
        return this.#fetch(session, frame)
      case 'whisper':
        return this.#whisper(session, frame)
    }
  }

  #fetch(session: Session, { seq, ref, fold }: ClientFrame & { type: 'fetch' }): Promise<void> | void {
    const bounds = { bytesMax: rowBytesMax }
    const page = this.#pageOf(session, { seq, fold }, bounds)
    if (!(page instanceof Promise)) return this.#sendPage(session, page, ref)
    return page.then(
      (came) => void (this.#endIfExpired(session) || this.#sendPage(session, came, ref)),
      (error: unknown) => this.#refuse(session, error, ref),
    )
  }

  #pageOf(
    { filter, client }: Session,
    { seq, fold }: { seq: SeqRanges; fold?: true | undefined },
    bounds: { bytesMax: number },
  ): Page | Promise<Page> {
    const asked = { isToldOfEnd: true }
    if (fold === undefined)
      return filter === undefined
        ? this.#core.reads.read(seq, bounds)
        : this.#core.reads.readFiltered(filter, seq, { ...bounds, own: client, ...asked })
    const reading = filter === undefined ? this.#core.reads.readFolded(seq, {}) : this.#core.reads.readFilteredFolded(filter, seq, asked)
    return reading.then((page) => {
      if (bytesOf(page) > foldedBytesMax)
        throw new Refusal('too-large', { detail: 'Folded, that is more than a frame holds: ask for it by HTTP.' })
      return page
    })
  }

  #publish(session: Session, { ref, publish }: ClientFrame & { type: 'publish' }): void {
    if (!session.mayPublish) return this.#refuse(session, new Refusal('forbidden'), ref)
    if (publish.client !== undefined && publish.client !== session.client && !this.#claim(publish.client, session)) return
    this.#core.committer.submit({ publish, sub: session.sub }, (verdict) => {
      if (verdict.type === 'refused') return this.#refuse(session, verdict.refusal, ref)
      // What is taken shows on the tape. Duplicates alone show nothing, so latestSeq tells where to look for them.
      if (verdict.seqs.length === 0) this.#sendPage(session, { covers: [], pieces: [] }, ref)
    })
  }

  /**
   * Makes `session` the one that publishes as `client`: the socket that was opened last wins, and the others are
   * closed before another of their frames is read, so that what they still had under way cannot come after what is
   * sent again here. False when `session` is the one that lost.
   */
  #claim(client: string, session: Session): boolean {
    for (const other of this.#options.sessions) {
      if (other === session || other.client !== client || other.sub !== session.sub) continue
      const older = other.order < session.order ? other : session
      older.end(closeCodes.superseded, 'superseded')
      if (older === session) return false
    }
    session.publishAs(client)
    return true
  }

  /**
   * Makes a new socket the one that publishes as `client`, and gives the last counter taken from that client;
   * undefined, without any effect, when the socket may not publish as it.
   *
   * Nothing that was under way on an older socket is taken behind that counter, because this is one run without an
   * await. What that socket had submitted is decided by `takenFrom` before it reads the counter. What it had sent and
   * nobody has read yet finds it ended, after an eviction, too, and is not read. A socket that has never said that it
   * is of this client is not ended yet; it is as soon as it publishes as the client, while the newer one is open.
   */
  #claimAtOpening(client: string, session: Session): number | undefined {
    if (!session.mayPublish) return undefined
    const counter = this.#core.committer.takenFrom(client, session.sub)
    if (counter !== undefined) this.#claim(client, session)
    return counter
  }

  #whisper(session: Session, frame: ClientFrame & { type: 'whisper' }): void {
    if (!session.mayPublish) return this.#refuse(session, new Refusal('forbidden'), undefined)
    const owner = this.#core.ownerOf(frame.client)
    if (owner !== undefined && owner !== session.sub) return this.#refuse(session, new Refusal('client-taken'), undefined)
    if (!session.countWhisper(this.#options.now())) return this.#refuse(session, new Refusal('too-often'), undefined)
    const text = JSON.stringify(frame)
    for (const other of this.#options.sessions) if (other !== session) other.send(text)
  }

  /** A fresh token keeps the socket open; a bad one is refused, and the old one goes on until it expires. */
  async #renew(session: Session, token: string): Promise<void> {
    try {
      const rights = await this.#options.verify(token)
      if (rights.sub !== session.sub)
        throw new Refusal('forbidden', { detail: 'The token is of another sub than the one that opened the socket.' })
      session.renew(rights)
      session.send(JSON.stringify({ type: 'token', expiresInMs: session.expiresAt - this.#options.now() }))
    } catch (error) {
      this.#refuse(session, error, undefined)
    }
  }

  /** Everything after a seq, where that fits one small frame. */
  #everythingAfter(after: number, latestSeq: number): Page | undefined {
    const missing = latestSeq - after
    if (missing <= 0 || missing > firstSliceEventsMax) return undefined
    const page = this.#core.reads.readHot([[after + 1, seqMax]], { bytesMax: firstSliceBytesMax })
    if (page === undefined) return undefined
    return countSeqs(page.covers) === missing && bytesOf(page) <= firstSliceBytesMax ? page : undefined
  }

  #sendPage(session: Session, page: Page, ref?: number): void {
    session.send(decoder.decode(this.#core.encodePage(page, { type: 'slice', ref, mark: this.#core.mark })))
  }

  #refuse(session: Session, error: unknown, ref: number | undefined): void {
    if (!(error instanceof Refusal)) this.#options.report(error)
    if (this.#endIfExpired(session)) return
    session.send(refusedFrame(error instanceof Refusal ? error : new Refusal('unavailable'), ref))
  }

  /** A socket whose token has expired is told nothing more, not even what was wrong with its frame. */
  #endIfExpired(session: Session): boolean {
    if (session.expiresAt > this.#options.now()) return false
    session.end(closeCodes.tokenExpired, 'token-expired')
    return true
  }
}

const decoder = new TextDecoder()

function bytesOf({ pieces }: Page): number {
  return pieces.reduce((sum, { length }) => sum + length, 0)
}
