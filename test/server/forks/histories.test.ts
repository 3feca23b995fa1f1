/** Random histories of a family of streams: forked, published to, redacted and deleted all at once, and killed now and then. */
import { expect, test } from 'vitest'
import { Refusal } from '../../../src/protocol/codes.ts'
import type { TapeEvent } from '../../../src/protocol/event.ts'
import { redactedEvent } from '../../../src/protocol/redaction.ts'
import { isBorrowed, keyOf } from '../../../src/server/sealed/contents.ts'
import { namesOf } from '../../../src/server/sealed/known-names.ts'
import { type ForkStream, ForkWorld, Killed } from '../../support/fork-world.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f']
const seeds = 80
const clients = ['anna', 'ben', 'cleo', 'dora']

test.each(Array.from({ length: seeds }, (_, seed) => seed))('[V3][V5][V6][V7] history %i', async (seed) => {
  await new History(seed).run()
})

class History {
  readonly #random: SeededRandom
  readonly #world: ForkWorld
  /** What each stream has to hold. */
  readonly #tapes = new Map<string, readonly string[]>()
  readonly #deleted = new Set<string>()

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
    this.#world = new ForkWorld({ hasBucket: seed % 4 !== 0, ...(this.#random.chance(0.5) ? { stepsAtOnce: 3 } : {}) })
  }

  async run(): Promise<void> {
    this.#publish('a', 30 + this.#random.below(50))
    for (let round = 0; round < 20; round++) {
      await this.#maybeKilled(() => this.#act())
      await this.#check()
    }
    for (const name of names) {
      if (!this.#deleted.has(name)) this.#world.stream(name).core.erase()
      if (this.#random.chance(0.5)) await this.#world.rest()
    }
    await this.#world.rest()
    expect(this.#world.keys()).toEqual([])
    for (const name of names) {
      const { rows, loans } = this.#world.stream(name)
      expect([rows.blobs.size, loans.forks(), loans.debts()]).toEqual([0, [], []])
    }
  }

  async #act(): Promise<void> {
    const some = this.#random.pick(
      [...this.#tapes.keys()]
        .concat('a')
        .filter((name) => this.#tapes.has(name))
        .concat(''),
    )
    if (some === '') return
    const draw = this.#random.below(20)
    if (draw < 6) this.#publish(some, 1 + this.#random.below(40))
    else if (draw < 10) await this.#redact(some)
    else if (draw < 11) await this.#end(some)
    else await this.#fork(some)
  }

  async #fork(parent: string): Promise<void> {
    const [fork] = names.filter((name) => !this.#tapes.has(name) && !this.#deleted.has(name))
    if (fork === undefined) return
    const before = this.#tapes.get(parent) ?? []
    const through = this.#random.below(before.length)
    const meanwhile = this.#random.pick(['publish', 'redact', 'end', 'nothing', 'nothing'])
    const wanted = { forkOf: parent, through }
    const stream = this.#world.stream(fork)
    const asked = this.#asked(stream, wanted)
    for (let turns = this.#random.below(60); turns > 0; turns--) await undefined
    if (meanwhile === 'publish') this.#publish(parent, 20)
    if (meanwhile === 'redact') await this.#redact(parent)
    if (meanwhile === 'end') await this.#end(parent)
    await asked
    await this.#again(async () => {
      await this.#asked(stream, wanted)
      await this.#world.rest()
    })
    // What is read now is to be whole.
    this.#world.restart()
    if (stream.core.isImporting || stream.core.state.latestSeq < 0) {
      expect(this.#deleted).toContain(parent)
      return this.#end(fork)
    }
    const lines = await stream.lines()
    // What was redacted before all had been read is redacted here, and nothing else is.
    const possible = [before, this.#tapes.get(parent) ?? before].map((tape) => tape.slice(0, through + 1))
    expect(possible).toContainEqual(lines)
    this.#tapes.set(fork, lines)
  }

  /** A parent that is gone is no surprise. */
  async #asked(stream: ForkStream, wanted: { forkOf: string; through: number }): Promise<void> {
    try {
      await stream.fork(wanted)
    } catch (error) {
      if (error instanceof Refusal && ['stream-deleted', 'unavailable'].includes(error.code)) return
      if (!(error instanceof Killed)) throw error
    }
  }

  async #redact(name: string): Promise<void> {
    const lines = this.#tapes.get(name) ?? []
    const first = this.#random.below(lines.length)
    const redaction = { seq: [[first, first + this.#random.below(20)] as const], reason: 'x' }
    const rewritten = lines.map((line) => JSON.stringify(redactedEvent(JSON.parse(line) as TapeEvent, redaction)))
    await this.#again(async () => {
      await this.#world.stream(name).redact(redaction)
    })
    this.#tapes.set(name, rewritten)
  }

  async #end(name: string): Promise<void> {
    this.#world.stream(name).core.erase()
    this.#tapes.delete(name)
    this.#deleted.add(name)
    await this.#again(() => this.#world.rest())
  }

  #publish(name: string, count: number): void {
    const lines = [...(this.#tapes.get(name) ?? [])]
    const events = lines.map((line) => JSON.parse(line) as TapeEvent)
    const counters = new Map(events.map(({ client = '', counter = 0 }) => [client, counter]))
    const stream = this.#world.stream(name)
    for (let i = 0; i < count; i++) {
      const client = this.#random.pick(clients)
      const counter = (counters.get(client) ?? 0) + 1
      counters.set(client, counter)
      const draft = {
        counter,
        seen: -1,
        type: 'update',
        collection: 'c',
        identifier: `${this.#random.below(9)}`,
        values: { n: `${name} ${i}` },
      }
      expect(stream.publish(client, [draft]), `${client} ${counter}`).toMatchObject({ seqs: [[lines.length, lines.length]] })
      lines.push(JSON.stringify({ seq: lines.length, client, ...draft }))
    }
    this.#tapes.set(name, lines)
  }

  /** Until nobody is killed. */
  async #again(run: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await run()
      } catch (error) {
        if (!(error instanceof Killed)) throw error
        this.#world.restart()
      }
    }
  }

  async #maybeKilled(act: () => Promise<void>): Promise<void> {
    this.#world.steps = 0
    this.#world.killAt = this.#random.chance(0.6) ? this.#random.below(80) : Number.POSITIVE_INFINITY
    await act()
    this.#world.restart()
    await this.#world.rest()
  }

  async #check(): Promise<void> {
    for (const [name, lines] of this.#tapes) {
      const stream = this.#world.stream(name)
      if (this.#random.chance(0.3)) await stream.settle()
      expect(await stream.lines(), name).toEqual(lines)
    }
    // Each has lent what others have of it, and nothing else.
    const borrowed = [...this.#tapes.keys()].flatMap((name) => namesOf(this.#world.stream(name).core.sealed).filter(isBorrowed))
    const lent = this.#world.keys().filter((key) => {
      const { owner = '', hash } = keyOf(key)
      return this.#world.stream(owner).loans.lentOf([hash]).size > 0
    })
    expect(lent.sort()).toEqual([...new Set(borrowed)].sort())
  }
}
