/**
 * The server of a simulation: the real core, ledger, sequencer and conversation over a tape in memory.
 * It can be put to sleep (memory gone, sockets and tape stay) or killed (sockets and unanswered publishes gone, too).
 */
import type { LinkRequest } from '../../src/client/index.ts'
import { Refusal } from '../../src/protocol/codes.ts'
import { Live, type LiveSession, type Rights } from '../../src/server/live.ts'
import { MemoryTape } from '../../src/server/memory-tape.ts'
import { StreamCore } from '../../src/server/stream-core.ts'
import type { TapeStorage } from '../../src/server/tape-storage.ts'
import type { VirtualTime } from '../support/virtual-time.ts'

const rights: Rights = { sub: 'someone', mayPublish: true, expiresAt: Number.MAX_SAFE_INTEGER }

/** A socket as the server has it. What it holds would be in the socket's attachment. */
export class SimSession implements LiveSession {
  readonly sub = rights.sub
  readonly mayPublish = true
  readonly expiresAt = rights.expiresAt
  order = 0
  client: string | undefined
  hasEnded = false
  readonly #deliver: (frame: string) => void
  readonly #close: (code: number) => void

  constructor(deliver: (frame: string) => void, close: (code: number) => void) {
    this.#deliver = deliver
    this.#close = close
  }

  send(frame: string): void {
    if (!this.hasEnded) this.#deliver(frame)
  }

  end(code: number): void {
    if (this.hasEnded) return
    this.hasEnded = true
    this.#close(code)
  }

  publishAs(client: string): void {
    this.client = client
  }

  renew(): void {}

  countWhisper(): boolean {
    return true
  }
}

export class SimServer {
  readonly sessions = new Set<SimSession>()
  readonly tape: TapeStorage
  readonly #time: VirtualTime
  #core!: StreamCore
  #live!: Live<SimSession>
  /** What an earlier life of the object had planned is not carried out any more. */
  #life = 0
  #opened = 0
  #hasWaiting = false
  /** Whether it refuses drafts with `bad` values. */
  isStrict = true
  /** When it refused the draft with a mark for the first time. */
  readonly refusedAt = new Map<unknown, number>()

  constructor(time: VirtualTime, tape: TapeStorage = new MemoryTape()) {
    this.#time = time
    this.tape = tape
    this.#wake()
  }

  get core(): StreamCore {
    return this.#core
  }

  open(session: SimSession, { after, epoch, client }: Omit<LinkRequest, 'token'>): void {
    session.order = ++this.#opened
    this.#live.open(session, { after, epoch: epoch ?? undefined, client })
    this.sessions.add(session)
  }

  receive(session: SimSession, message: string): void {
    void this.#live.receive(session, message)
  }

  /** Hibernation: possible only while nothing waits, as a pending timer keeps an object in memory. */
  sleep(): void {
    if (!this.#hasWaiting) this.#wake()
  }

  /** The process dies. Gives the sessions that were open, for the network to cut. */
  kill(): readonly SimSession[] {
    const cut = [...this.sessions]
    this.sessions.clear()
    this.#wake()
    return cut
  }

  /** A rule of an application's: what the tape has not taken yet and breaks it spoils its batch, and is named. */
  #refuseBadDrafts(core: StreamCore): void {
    const submit = core.submit.bind(core)
    core.submit = (submission, answer) => {
      const { client, drafts } = submission.publish
      if (!this.isStrict || client === undefined || drafts.every(({ values }) => values?.bad !== true)) return submit(submission, answer)
      const taken = core.takenFrom(client, submission.sub) ?? 0
      const fresh = drafts.filter(({ counter = 0 }) => counter > taken)
      const { counter, values } = fresh.find((draft) => draft.values?.bad === true) ?? {}
      if (counter === undefined || fresh[0]?.counter !== taken + 1) return submit(submission, answer)
      if (!this.refusedAt.has(values?.mark)) this.refusedAt.set(values?.mark, this.#time.now)
      answer({ type: 'refused', refusal: new Refusal('invalid', { counter }) })
    }
  }

  #wake(): void {
    const life = ++this.#life
    this.#hasWaiting = false
    this.#core = new StreamCore({
      storage: this.tape,
      listeners: this.sessions,
      later: (run) => {
        this.#hasWaiting = true
        this.#time.set(() => {
          if (life !== this.#life) return
          this.#hasWaiting = false
          run()
        }, 0)
      },
      now: () => this.#time.now,
      newEpoch: () => 'epoch-1',
      report: (error) => {
        throw error
      },
    })
    this.#refuseBadDrafts(this.#core)
    this.#live = new Live({
      core: this.#core,
      sessions: this.sessions,
      verify: async () => rights,
      now: () => this.#time.now,
      report: (error) => {
        throw error
      },
    })
  }
}
