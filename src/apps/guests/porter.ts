/**
 * The porter knows when you looked last, and what happened since: it reads off the tape what this window lacks of the
 * story, one request at a time.
 */
import type { SeqRanges, Stream } from '../../browser/index.ts'
import type { Members } from '../../models/index.ts'
import type { Chronicle } from './chronicle.ts'
import type { LastLook } from './last-look.ts'
import { type News, newsOf } from './news.ts'

/** Before the tape is asked again that could not be read. */
const retryAfterMs = 5_000

export interface PorterParts {
  readonly stream: Pick<Stream, 'read' | 'status' | 'latestSeq'>
  readonly members: Members
  readonly chronicle: Chronicle
  readonly lastLook: LastLook
  /** There may be other news than before. */
  readonly onNews: () => void
}

export class Porter {
  readonly #parts: PorterParts
  #isFirst = false
  #isReading = false
  #isUnreadable = false

  constructor(parts: PorterParts) {
    this.#parts = parts
  }

  get news(): News {
    const { stream, members, chronicle, lastLook } = this.#parts
    const { status, latestSeq } = stream
    return newsOf({ members, chronicle, look: lastLook.look, isFirst: this.#isFirst, latestSeq, status, isUnreadable: this.#isUnreadable })
  }

  /** What has been told is old from now on. Before the tape is known as far as it was then, nothing has been told. */
  haveSeen(): void {
    const { stream, lastLook } = this.#parts
    if (lastLook.look === undefined || stream.latestSeq < lastLook.look.seq) return
    this.#isFirst = false
    this.#look()
  }

  /** Does what is to be done now that the stream stands as it does. */
  attend(): void {
    const { stream, lastLook } = this.#parts
    const { connection, holes } = stream.status
    const { look } = lastLook
    // Whoever has not looked before, or at a tape that is not there any more, arrives now.
    if (connection === 'online' && holes.length === 0 && (look === undefined || look.seq > stream.latestSeq)) {
      this.#isFirst = true
      this.#look()
    }
    const { news } = this
    if (news.type === 'asking' && news.missing.length > 0 && !this.#isReading) void this.#read(news.missing)
  }

  #look(): void {
    const { stream, members, lastLook } = this.#parts
    lastLook.look = { seq: stream.latestSeq, here: new Map(members.list.map(({ identifier, name }) => [identifier, name])) }
  }

  async #read(missing: SeqRanges): Promise<void> {
    const { stream, chronicle, onNews } = this.#parts
    this.#isReading = true
    try {
      chronicle.add(missing, await stream.read(missing))
    } catch (error) {
      console.warn(error)
      this.#isUnreadable = true
      setTimeout(() => {
        this.#isUnreadable = false
        onNews()
      }, retryAfterMs)
    }
    this.#isReading = false
    onNews()
  }
}
