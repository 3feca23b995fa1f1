/**
 * Who wrote one thing, an object or a field of it, and where on the tape: the newest writes, in order of seq.
 *
 * Each write knows the newest one before it by somebody else. So whether anybody but its own maker has written the
 * thing since some seq is one comparison, however often its maker has.
 */
interface Mark {
  readonly seq: number
  /** Undefined for a script, which has no name and so no writes of its own. */
  readonly client: string | undefined
  /** The newest write before this one by another client; −1 when none is known. */
  readonly other: number
}

export class Trail {
  readonly #marks: Mark[] = []

  /** The seq of the newest write, −1 for none. */
  get newest(): number {
    return this.#marks.at(-1)?.seq ?? -1
  }

  get isEmpty(): boolean {
    return this.#marks.length === 0
  }

  /** Takes a write above all others. */
  add(seq: number, client: string | undefined): void {
    this.#marks.push({ seq, client, other: this.newestByOthers(client) })
  }

  /** The seq of the newest write by anybody but this client, −1 for none. */
  newestByOthers(client: string | undefined): number {
    const last = this.#marks.at(-1)
    if (last === undefined) return -1
    return isOf(last, client) ? last.other : last.seq
  }

  /** The seqs of the writes from this one on, rising. */
  seqsFrom(from: number): readonly number[] {
    return this.#marks.flatMap(({ seq }) => (seq >= from ? seq : []))
  }

  /** The seqs above `seen` that anybody but this client wrote. */
  othersSince(seen: number, client: string | undefined): readonly number[] {
    const seqs: number[] = []
    for (let i = this.#marks.length - 1; i >= 0; i--) {
      const mark = this.#marks[i] as Mark
      if (mark.seq <= seen) break
      if (!isOf(mark, client)) seqs.push(mark.seq)
    }
    return seqs
  }

  /** Forgets a write, if this is about it: the oldest, because it is too old, or the newest, because it is taken back. */
  forgetOldest(seq: number): void {
    if (this.#marks[0]?.seq === seq) this.#marks.shift()
  }

  forgetNewest(seq: number): void {
    if (this.newest === seq) this.#marks.pop()
  }
}

function isOf(mark: Mark, client: string | undefined): boolean {
  return client !== undefined && mark.client === client
}
