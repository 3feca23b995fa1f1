/**
 * What each client has made, from the history: which marks must be on the tape and which only may be, which write of
 * a field is the last. A draft is safe once its store has saved it, and, when its process was never killed, at once.
 */
import type { Change, Json } from '../../src/protocol/index.ts'
import type { Entry, History } from './history.ts'

export interface Mark {
  readonly identifier: string
  /** Whether no excuse is left for its being missing. */
  readonly isSafe: boolean
}

export interface ClientAccount {
  readonly marks: readonly Mark[]
  /** For each shared object the values that its field may have at the end: the last safe one, or a later one. */
  readonly writes: ReadonlyMap<string, readonly (Json | undefined)[]>
  /** Every change of its own objects. */
  readonly own: readonly Change[]
  readonly wasKilled: boolean
}

interface Growing {
  readonly marks: { readonly identifier: string; isSaved: boolean; isLost: boolean }[]
  readonly byIdentifier: Map<string, { isSaved: boolean }>
  /** For each shared object the last write that is safe, and those after it. */
  readonly writes: Map<string, Write[]>
  readonly own: Change[]
  wasKilled: boolean
}

interface Write {
  readonly value: Json | undefined
  /** Its process was killed before it was safe: it may be on the tape or not. */
  isLost: boolean
}

export class Ledger {
  /** Every mark that was made. */
  readonly made = new Map<string, Change>()
  readonly clients = new Map<string, ClientAccount>()

  constructor(history: History) {
    const growing = new Map<string, Growing>()
    for (const entry of history) {
      if (entry.type !== 'made' && entry.type !== 'saved' && entry.type !== 'kept' && entry.type !== 'killed') continue
      const account = growing.get(entry.who) ?? { marks: [], byIdentifier: new Map(), writes: new Map(), own: [], wasKilled: false }
      growing.set(entry.who, account)
      if (entry.type === 'killed') {
        account.wasKilled = true
        for (const mark of account.marks) mark.isLost ||= !mark.isSaved
        for (const [, ...unsafe] of account.writes.values()) for (const write of unsafe) write.isLost = true
      } else if (entry.type === 'kept') {
        noteKept(account)
      } else if (entry.type === 'saved') {
        for (const change of entry.changes) noteSaved(account, entry.who, change)
      } else {
        if (entry.change.collection === 'marks') this.made.set(entry.change.identifier, entry.change)
        noteMade(account, entry.who, entry.change)
      }
    }
    for (const [who, { marks, writes, own, wasKilled }] of growing) {
      const last = ([identifier, all]: [string, readonly Write[]]) => {
        const values = all.map(({ value }) => value)
        return [identifier, wasKilled ? values : values.slice(-1)] as const
      }
      this.clients.set(who, {
        marks: marks.map(({ identifier, isLost }) => ({ identifier, isSafe: !isLost })),
        writes: new Map([...writes].map(last)),
        own,
        wasKilled,
      })
    }
  }

  /** Outboxes as the history fills them, with what the tape never got. */
  createOutboxes(marks: ReadonlyMap<string, number>): Outboxes {
    return new Outboxes(this, marks)
  }
}

function noteMade(account: Growing, who: string, change: Change): void {
  const { collection, identifier, values } = change
  if (collection === 'marks') {
    const mark = { identifier, isSaved: false, isLost: false }
    account.marks.push(mark)
    account.byIdentifier.set(identifier, mark)
  } else if (collection === 'shared') {
    // Before the first safe one the field may be absent.
    const allowed = account.writes.get(identifier) ?? [{ value: undefined, isLost: false }]
    allowed.push({ value: values?.[who], isLost: false })
    account.writes.set(identifier, allowed)
  } else {
    account.own.push(change)
  }
}

function noteSaved(account: Growing, who: string, { collection, identifier, values }: Change): void {
  if (collection === 'marks') {
    const mark = account.byIdentifier.get(identifier)
    if (mark !== undefined) mark.isSaved = true
  } else if (collection === 'shared') {
    const allowed = account.writes.get(identifier) ?? []
    // What came before a saved one cannot be the last any more.
    const at = allowed.findLastIndex(({ value }) => value === values?.[who])
    if (at > 0) allowed.splice(0, at)
  }
}

function noteKept({ marks, writes }: Growing): void {
  for (const mark of marks) mark.isSaved = true
  for (const allowed of writes.values()) {
    const at = allowed.findLastIndex(({ isLost }) => !isLost)
    allowed.splice(0, at)
  }
}

/** Follows a history and says which mark of a client, made so far and not excused, never came onto the tape. */
export class Outboxes {
  readonly #missing = new Map<string, string>()
  readonly #safe = new Set<string>()
  readonly #marks: ReadonlyMap<string, number>

  constructor(ledger: Ledger, marks: ReadonlyMap<string, number>) {
    this.#marks = marks
    for (const account of ledger.clients.values()) {
      for (const { identifier, isSafe } of account.marks) if (isSafe) this.#safe.add(identifier)
    }
  }

  follow(entry: Entry): void {
    if (entry.type !== 'made' || entry.change.collection !== 'marks') return
    const { identifier } = entry.change
    if (this.#safe.has(identifier) && !this.#marks.has(identifier) && !this.#missing.has(entry.who)) {
      this.#missing.set(entry.who, identifier)
    }
  }

  firstOf(who: string): string | undefined {
    return this.#missing.get(who)
  }
}
