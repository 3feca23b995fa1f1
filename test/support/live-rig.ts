/** The live conversation over a core in memory: sessions that are plain objects, and a clock that the test moves. */
import { Refusal } from '../../src/protocol/codes.ts'
import { decodeServerFrame, type ServerFrame } from '../../src/protocol/frames.ts'
import { whispersPerSecondMax } from '../../src/protocol/limits.ts'
import { Live, type LiveSession, type Rights } from '../../src/server/object/live.ts'
import { CoreRig } from './core.ts'
import { MemoryTape } from './memory-tape.ts'

export class PlainSession implements LiveSession {
  readonly order: number
  sub: string
  mayPublish: boolean
  expiresAt: number
  client: string | undefined
  ended: { code: number; reason: string } | undefined
  readonly #texts: string[] = []
  #whispers = 0

  constructor(order: number, { sub = 'user-1', mayPublish = true, expiresAt = 1_000_000 }: Partial<Rights> = {}) {
    this.order = order
    this.sub = sub
    this.mayPublish = mayPublish
    this.expiresAt = expiresAt
  }

  get hasEnded(): boolean {
    return this.ended !== undefined
  }

  send(frame: string): void {
    if (!this.hasEnded) this.#texts.push(frame)
  }

  end(code: number, reason: string): void {
    this.ended ??= { code, reason }
  }

  publishAs(client: string): void {
    this.client = client
  }

  renew({ sub, mayPublish, expiresAt }: Rights): void {
    Object.assign(this, { sub, mayPublish, expiresAt })
  }

  countWhisper(): boolean {
    return ++this.#whispers <= whispersPerSecondMax
  }

  /** The frames since the last call. */
  take(): ServerFrame[] {
    return this.#texts.splice(0).map(decodeServerFrame)
  }
}

export class LiveRig {
  readonly sessions = new Set<PlainSession>()
  readonly rig = new CoreRig(new MemoryTape())
  readonly reports: unknown[] = []
  /** What a token is good for; any other is invalid. */
  readonly tokens = new Map<string, Rights>()
  nowMs = 1000
  readonly live = new Live<PlainSession>({
    core: this.rig.core,
    sessions: this.sessions,
    verify: async (token) => {
      const rights = this.tokens.get(token)
      if (rights === undefined) throw new Refusal('token-invalid')
      return rights
    },
    now: () => this.nowMs,
    report: (error) => this.reports.push(error),
  })

  /** A session that has been welcomed. */
  open(rights: Partial<Rights> = {}, resume: { after?: number; epoch?: string } = {}): PlainSession {
    const session = new PlainSession(this.sessions.size, rights)
    this.sessions.add(session)
    this.rig.listeners.add(session)
    this.live.open(session, { after: resume.after, epoch: resume.epoch })
    return session
  }

  /** One message, and the end of its turn. */
  async say(session: PlainSession, message: unknown): Promise<ServerFrame[]> {
    await this.live.receive(session, typeof message === 'string' || message instanceof ArrayBuffer ? message : JSON.stringify(message))
    this.rig.endTurn()
    return session.take()
  }
}
