/**
 * What is said on the live link: what it is opened with, and who is told of each frame that comes on it. It owns what the
 * link alone tells of the stream, and what the present link brings of the tape. It never decides whether a link is open,
 * and saves nothing.
 *
 *   resume ─► welcome ─┬─ of the same tape ──────────────────────────────────────────► online ─ frames ─► down
 *                      └─ of another: it begins anew ─┬─ the link brings what is wanted ──┘
 *                                                     └─ it brings something else ─► another link
 */
import type { Code, ObjectFilter, RefusedServerFrame, ServerFrame, WelcomeFrame } from '../../protocol/index.ts'
import type { Publisher } from '../outbox/publisher.ts'
import type { Whisper } from '../side.ts'
import type { LocalTape } from '../storage/store.ts'
import type { Intake } from '../tape/intake.ts'
import { comeOf } from '../tape/local-tape.ts'
import type { Wanting } from '../tape/wanting.ts'
import type { LiveLinkHooks } from './live-link.ts'
import type { LinkRequest } from './transport.ts'

/** For whom what is said is meant. */
export interface Speakers {
  readonly publisher: Publisher
  readonly intake: Intake
  readonly wanting: Wanting
}

export interface ConversationHooks {
  readonly now: () => number
  /** Opens another link in place of the present one. */
  readonly renew: () => void
  /** The link tells of another tape: all that is known of the one before is to be forgotten. */
  readonly onAnew: (frame: WelcomeFrame) => void
  /** Something that was sent was refused: a publish, or else a fetch, of which the intake is told. */
  readonly onRefused: (frame: RefusedServerFrame) => void
  readonly onWhisper: (whisper: Whisper) => void
  /** Somebody publishes under our id: another process on this store, or a copy of the store. */
  readonly onSuperseded: () => void
  readonly onChange: () => void
}

export class Conversation implements LiveLinkHooks {
  readonly #speakers: Speakers
  readonly #hooks: ConversationHooks
  /** What the present link brings, as text. */
  #filtersOnLink: string | undefined
  #lastHeardAt: number | undefined
  #isClosed = false

  constructor(speakers: Speakers, hooks: ConversationHooks) {
    this.#speakers = speakers
    this.#hooks = hooks
  }

  get lastHeardAt(): number | undefined {
    return this.#lastHeardAt
  }

  /** Whether the stream has been closed on the server: nothing more comes on its tape. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Has another link opened, if the present one brings something else than is wanted now; whether it did. */
  fitLink(): boolean {
    if (this.#filtersOnLink === JSON.stringify(filtersOf(this.#speakers.intake.tape))) return false
    this.#hooks.renew()
    return true
  }

  resume(): Omit<LinkRequest, 'token'> {
    const { intake, publisher } = this.#speakers
    const { tape } = intake
    const filters = filtersOf(tape)
    this.#filtersOnLink = JSON.stringify(filters)
    const after = comeOf(tape).at(-1)?.[1] ?? -1
    return { after, epoch: tape.epoch, client: publisher.publisherOnLink, mark: tape.mark, filters }
  }

  onHeard(): void {
    this.#lastHeardAt = this.#hooks.now()
  }

  onWelcome(frame: WelcomeFrame): void {
    const { publisher, intake, wanting } = this.#speakers
    if (intake.isOther(frame.epoch)) {
      this.#hooks.onAnew(frame)
      if (this.fitLink()) return
    }
    this.#isClosed = frame.closed === true
    publisher.online(frame.counter)
    intake.online(frame)
    wanting.online()
    this.#hooks.onChange()
  }

  onFrame(frame: Exclude<ServerFrame, WelcomeFrame>): void {
    const { publisher, intake } = this.#speakers
    switch (frame.type) {
      case 'slice':
        this.#isClosed ||= frame.closed === true
        return intake.receive(frame)
      case 'refused':
        this.#hooks.onRefused(frame)
        return intake.refuse(frame)
      case 'token':
        return publisher.renewed()
      case 'whisper':
        return this.#hooks.onWhisper({ client: frame.client, data: frame.data })
    }
  }

  onDown(problem: Code | undefined): void {
    const { publisher, intake, wanting } = this.#speakers
    wanting.offline()
    publisher.offline()
    intake.offline()
    if (problem !== 'superseded') return
    publisher.superseded()
    this.#hooks.onSuperseded()
  }

  onChange(): void {
    this.#hooks.onChange()
  }
}

function filtersOf({ parts }: LocalTape): readonly ObjectFilter[] | undefined {
  return parts?.map(({ filter }) => filter)
}
