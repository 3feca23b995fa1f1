/**
 * Many writers in one field: real streams and the real core, a bad network, clients and servers that die, in virtual time.
 * What they show is worked out here anew from all that they were given, by another way than the models'.
 *
 * Every insertion is a mark of its own. At the end everybody shows the same text; whoever only inserts finds each mark in
 * it once, between the same neighbours as where it was made; and nothing was refused.
 */
import type { ApplyContext, ModelReconciler, OutboundEventReceiver, Stream } from '../../src/client/index.ts'
import { applyDeltas, type Draft, type Json, type TapeEvent } from '../../src/protocol/index.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { VirtualTime } from '../support/virtual-time.ts'
import { SimNetwork } from './sim-network.ts'
import { comeToRest, isDrained, type SimParts, SimProcess } from './sim-process.ts'
import { SimServer } from './sim-server.ts'
import { Violation } from './violation.ts'

const object = { collection: 'pads', identifier: 'pad' }

export interface WritersOptions {
  readonly seed: number
  readonly writers: number
  readonly steps: number
  /** Chance that an edit takes something away. */
  readonly deleting: number
  /** Whether links are cut, frames lost, clients and the server killed. */
  readonly isRough: boolean
}

export interface WritersReport {
  readonly marks: number
  readonly events: number
  /** Publishes that were refused because others were faster. */
  readonly overtaken: number
  /** How often the draft was sent that was sent most often. */
  readonly sentMax: number
}

/** Shows the text of the tape up to the first hole, and the pending drafts on top. */
class Pad implements ModelReconciler {
  receiver: OutboundEventReceiver | undefined
  readonly #events = new Map<number, TapeEvent>()
  isReady = false
  text = ''
  misfits = 0

  apply(events: readonly TapeEvent[], pending: readonly Draft[], { client, holes }: ApplyContext): void {
    this.isReady = client !== ''
    for (const event of events) this.#events.set(event.seq, event)
    const end = holes[0]?.[0] ?? Number.POSITIVE_INFINITY
    const inOrder = [...this.#events.values()].filter(({ seq }) => seq < end).sort((a, b) => a.seq - b.seq)
    let text: Json = ''
    let stamp = -1
    for (const event of inOrder) {
      const { seq, values, deltas, stamps } = event
      if (values?.text !== undefined) text = values.text
      if (deltas?.text !== undefined && seq > stamp) text = this.#after(text, deltas.text)
      stamp = Math.max(stamp, stamps?.text ?? seq)
    }
    for (const { deltas } of pending) if (deltas?.text !== undefined) text = this.#after(text, deltas.text)
    this.text = String(text)
  }

  reset(): void {
    this.#events.clear()
    this.text = ''
  }

  #after(text: Json, deltas: NonNullable<Draft['deltas']>[string]): Json {
    const after = applyDeltas(text, deltas)
    if (after === undefined) this.misfits++
    return after ?? text
  }
}

interface Mark {
  readonly text: string
  readonly left: string | undefined
  readonly right: string | undefined
}

class Writer {
  readonly name: string
  readonly #random: SeededRandom
  readonly #process: SimProcess
  readonly marks: Mark[] = []
  pad!: Pad
  stream!: Stream

  constructor(name: string, parts: SimParts) {
    this.name = name
    this.#random = parts.random
    this.#process = new SimProcess(name, parts, (text) => this.#note(text))
    this.open()
  }

  /** Starts a process on the store; one that ran before is killed. */
  open(): void {
    this.stream = this.#process.open()
    this.pad = new Pad()
    this.stream.attach(this.pad)
  }

  edit(deleting: number): void {
    const random = this.#random
    if (!this.pad.isReady) return
    const { text } = this.pad
    const pieces = text.match(/<[^>]*>/g) ?? []
    const place = random.below(pieces.length + 1)
    const offset = pieces.slice(0, place).join('').length
    if (random.chance(deleting) && place < pieces.length) {
      return this.#vend({ type: 'delete', offset, count: (pieces[place] as string).length })
    }
    const mark = `<${this.name}.${this.marks.length}>`
    this.marks.push({ text: mark, left: pieces[place - 1], right: pieces[place] })
    this.#vend({ type: 'insert', offset, values: mark })
  }

  /** How often each draft was sent, by client and counter. */
  readonly sent = new Map<string, number>()

  #note(text: string): void {
    if (!text.startsWith('{"type":"publish"')) return
    const { client, drafts } = JSON.parse(text) as { client: string; drafts: { counter: number }[] }
    for (const { counter } of drafts) {
      const draft = `${client} ${counter}`
      this.sent.set(draft, (this.sent.get(draft) ?? 0) + 1)
    }
  }

  #vend(delta: NonNullable<Draft['deltas']>[string][number]): void {
    this.pad.receiver?.didCreateDraft({ type: 'update', ...object, deltas: { text: [delta] } })
  }
}

export async function runWriters(options: WritersOptions): Promise<WritersReport> {
  const { seed, writers: count, steps, deleting, isRough } = options
  const random = new SeededRandom(seed)
  const time = new VirtualTime()
  const tape = new MemoryTape()
  let overtaken = 0
  const server = new SimServer(time, { tape, count: () => overtaken++ })
  const temper = isRough ? { loss: 0.1, failure: 0.1, delayMsMax: 100 } : { loss: 0, failure: 0, delayMsMax: 40 }
  const network = new SimNetwork(server, { time, random, temper })
  const writers = Array.from({ length: count }, (_, index) => {
    return new Writer(String.fromCharCode(65 + index), { time, network, random })
  })
  const fail = (what: string) => {
    throw new Violation(`Seed ${seed}: ${what}`)
  }
  for (let step = 0; step < steps; step++) {
    const writer = random.pick(writers)
    const dice = isRough ? random.next() : 1
    if (dice < 0.03) network.cutOne()
    else if (dice < 0.04) {
      server.kill()
      network.cutAll()
    } else if (dice < 0.06) server.sleep()
    else if (dice < 0.08) writer.open()
    else if (dice < 0.11) writer.stream.pause()
    else if (dice < 0.2) writer.stream.resume()
    else writer.edit(deleting)
    await time.advance(random.next() * random.pick([0, 20, 60]))
  }
  temper.loss = 0
  temper.failure = 0
  await comeToRest(() => writers.map(({ stream }) => stream), { time, network, isAtRest: () => true })
  const events = eventsOf(tape)
  const replay = new Pad()
  replay.apply(events, [], { client: '', holes: [] })
  if (replay.misfits > 0) fail(`${replay.misfits} deltas on the tape do not fit.`)
  for (const { name, pad, stream } of writers) {
    if (!isDrained(stream)) fail(`${name} did not come to rest: ${JSON.stringify(stream.status)}`)
    if (stream.status.refused.length > 0) fail(`${name} was refused ${JSON.stringify(stream.status.refused)}.`)
    if (pad.text !== replay.text) fail(`${name} shows ${pad.text} and should show ${replay.text}.`)
  }
  const marks = writers.flatMap((writer) => writer.marks)
  checkMarks(replay.text, marks, { mayMiss: deleting > 0, fail })
  return { marks: marks.length, events: events.length, overtaken, sentMax: Math.max(...writers.flatMap(({ sent }) => [...sent.values()])) }
}

export function eventsOf(tape: Pick<MemoryTape, 'rowsFrom'>): readonly TapeEvent[] {
  const events: TapeEvent[] = []
  const rows = tape.rowsFrom(0)
  for (let row = rows.next(); row.done !== true; row = rows.next()) {
    for (const event of JSON.parse(`[${new TextDecoder().decode(row.value.body)}]`)) events.push(event)
  }
  return events
}

function checkMarks(text: string, marks: readonly Mark[], { mayMiss, fail }: { mayMiss: boolean; fail: (what: string) => void }): void {
  const places = new Map((text.match(/<[^>]*>/g) ?? []).map((mark, index) => [mark, index]))
  if ([...places.keys()].join('') !== text) fail(`The text is not made of whole marks, each once: ${text}`)
  for (const { text: mark, left, right } of marks) {
    const place = places.get(mark)
    if (place === undefined) {
      if (!mayMiss) fail(`${mark} is lost.`)
      continue
    }
    if ((places.get(left ?? '') ?? -1) > place) fail(`${mark} was made behind ${left}, and stands before it.`)
    if ((places.get(right ?? '') ?? Number.POSITIVE_INFINITY) < place) fail(`${mark} was made before ${right}, and stands behind it.`)
  }
}
