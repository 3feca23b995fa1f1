/** What must hold, whatever happens. Each check throws with what it found. */

import { isDeepStrictEqual } from 'node:util'
import { type ShownObject, StampedObjects } from '../../src/models/index.ts'
import { type Change, type Draft, foldDrafts, includes, type TapeEvent } from '../../src/protocol/index.ts'
import { seqMax } from '../../src/protocol/limits.ts'
import type { TapeStorage } from '../../src/server/tape-storage.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { collection, type SimClient } from './sim-client.ts'

export class Violation extends Error {}

export class Checker {
  readonly #tape: TapeStorage
  readonly #clients: readonly SimClient[]
  readonly #events: TapeEvent[] = []
  readonly #counters = new Map<string, number>()

  constructor(tape: TapeStorage, clients: readonly SimClient[]) {
    this.#tape = tape
    this.#clients = clients
  }

  /** Everything on the tape, as far as it has been checked. */
  get events(): readonly TapeEvent[] {
    return this.#events
  }

  /** After every step: the tape is dense, keeps each client's order, has no event twice, and is all that clients know. */
  checkStep(): void {
    this.#readOn()
    for (const client of this.#clients) {
      for (const event of client.model.news) {
        // What was folded has stamps, or no maker.
        const isOnTape = event.stamps !== undefined || event.client === undefined || isDeepStrictEqual(event, this.#events[event.seq])
        if (event.seq > client.stream.latestSeq || !isOnTape) {
          throw new Violation(`${client.name} was given event ${event.seq}, which is not on the tape like that.`)
        }
      }
      client.model.news = []
    }
  }

  /** Each client shows the tape as far as it has it, and its own pending drafts on top. */
  checkModels(): void {
    for (const client of this.#clients) {
      const { given, pending, objects } = client.model
      const expected = new StampedObjects(collection)
      expected.apply(
        this.#events.filter(({ seq }) => includes(given, seq)),
        pending,
      )
      compare(client.name, objects.list, expected.list)
    }
  }

  /** When all is quiet: everything that was made is on the tape, once and in order, and everyone shows the same. */
  checkEnd(random: SeededRandom): void {
    this.checkStep()
    this.checkModels()
    const replay = new StampedObjects(collection)
    for (const event of this.#events) replay.apply([event], [])
    for (const client of this.#clients) {
      if (!client.isDrained) throw new Violation(`${client.name} did not come to rest: ${JSON.stringify(client.stream.status)}`)
      this.#checkMade(client)
      compare(client.name, client.model.objects.list, replay.list)
    }
    compare('a reader of pieces', this.#inPieces(random), replay.list)
  }

  /**
   * What a client made has the effect, object by object, of what the tape has from it: drafts may have been folded on
   * their way, but nothing else was done to them.
   */
  #checkMade({ name, made }: SimClient): void {
    const onTape = this.#events.filter(({ client }) => client?.startsWith(`${name}-`) === true)
    const births = onTape.flatMap(({ type, values }) => (type === 'insert' ? [Number(values?.born)] : []))
    if (births.some((birth, index) => birth <= (births[index - 1] ?? 0))) throw new Violation(`${name}'s inserts came as ${births}.`)
    for (const identifier of new Set([...made, ...onTape].map((change) => change.identifier))) {
      const intended = effectOf(made, identifier)
      const found = effectOf(onTape, identifier)
      // An insert and its delete may have met in the outbox.
      const isSame = isDeepStrictEqual(found, intended) || (intended[0]?.type === 'delete' && isDeepStrictEqual(found, intended.slice(1)))
      if (!isSame)
        throw new Violation(`${name} made ${JSON.stringify(intended)} of ${identifier}, and the tape has ${JSON.stringify(found)}.`)
    }
  }

  /** The tape cut at random, in any order, parts of it repeated. */
  #inPieces(random: SeededRandom): readonly ShownObject[] {
    const objects = new StampedObjects(collection)
    const pieces: TapeEvent[][] = []
    for (let from = 0; from < this.#events.length; ) {
      const to = from + 1 + random.below(10)
      pieces.push(this.#events.slice(from, to))
      if (random.chance(0.3)) pieces.push(this.#events.slice(Math.max(0, from - random.below(10)), to))
      from = to
    }
    for (const piece of random.shuffle(pieces)) objects.apply(piece, [])
    return objects.list
  }

  #readOn(): void {
    const rows = this.#tape.rowsFrom(this.#events.length)
    for (let row = rows.next(); row.done !== true && this.#events.length <= seqMax; row = rows.next()) {
      for (const event of JSON.parse(`[${new TextDecoder().decode(row.value.body)}]`) as TapeEvent[]) {
        if (event.seq < this.#events.length) continue
        if (event.seq !== this.#events.length) throw new Violation(`The tape goes from ${this.#events.length - 1} to ${event.seq}.`)
        this.#checkOrder(event)
        this.#events.push(event)
      }
    }
  }

  #checkOrder({ client, counter, seq }: TapeEvent): void {
    if (client === undefined || counter === undefined) return
    const before = this.#counters.get(client) ?? 0
    if (counter !== before + 1) throw new Violation(`Event ${seq} is ${client}'s draft ${counter}, after its draft ${before}.`)
    this.#counters.set(client, counter)
  }
}

/** What changes come to for one object, when nobody else changes it. */
function effectOf(changes: readonly Change[], identifier: string): readonly Draft[] {
  const drafts = changes
    .filter((change) => change.identifier === identifier)
    .map(({ type, values }) => ({ seen: -1, type, collection, identifier, ...(values === undefined ? {} : { values }) }))
  return foldDrafts(drafts, () => true)
}

function compare(who: string, shown: readonly ShownObject[], expected: readonly ShownObject[]): void {
  if (!isDeepStrictEqual(shown, expected)) {
    throw new Violation(`${who} shows ${JSON.stringify(shown)} and should show ${JSON.stringify(expected)}.`)
  }
}
