/**
 * A month offline: one client makes thousands of drafts without a network, and brings them onto the tape through one
 * mishap after the other. Once they are titles of a hundred objects, edited again and again; once each is an object of
 * its own.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Change } from '../../src/protocol/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { ChaosProxy, type ChaosProxyOptions } from './chaos-proxy.ts'
import { check, type Violation } from './checker.ts'
import { prepareStream } from './crew.ts'
import { Editor } from './editor.ts'
import type { PlugReport, Progress } from './plug.ts'
import { Recorder } from './recorder.ts'
import { TortureClient } from './torture-client.ts'
import { WorkerdServer } from './workerd-server.ts'

export interface MonthOptions {
  readonly drafts: number
  readonly cuts: number
  readonly seed: number
  readonly progress: Progress
}

type Bounds = Pick<ChaosProxyOptions, 'bytesMax' | 'directions' | 'manners'>

const objects = 100
const who = 'p0'
const timeScale = 100
/** With all mishaps behind it a client needs seconds; this is for a slow machine. */
const restMsMax = 120_000

export async function spendMonthOffline(options: MonthOptions): Promise<PlugReport> {
  const server = await WorkerdServer.create()
  const random = new SeededRandom(options.seed)
  try {
    await server.start()
    const foldable = await new Month(server, 'month-titles', { ...options, random }).run(titles(options.drafts, random), {
      // Folded they fit one frame, of ten kilobytes: none of it gets through before the cuts are over.
      bytesMax: 4096,
      directions: ['up'],
      manners: ['reset', 'end', 'stall', 'half'],
    })
    const distinct = await new Month(server, 'month-objects', { ...options, random }).run(marks(options.drafts, random), {
      // A frame or two gets through each time.
      bytesMax: 30_000,
      directions: ['up'],
      manners: ['reset', 'end', 'late'],
    })
    return {
      summary: `${options.drafts} drafts offline: titles ${foldable.summary}; objects ${distinct.summary}`,
      violations: [...foldable.violations, ...distinct.violations],
    }
  } finally {
    await server.stop()
  }
}

function titles(count: number, random: SeededRandom): readonly Change[] {
  const identifiers = Array.from({ length: Math.min(objects, count) }, (_, index) => `${who}.${index}`)
  const inserts = identifiers.map((identifier): Change => ({ type: 'insert', collection: 'own', identifier, values: { title: '' } }))
  const edits = Array.from({ length: count - inserts.length }, (_, index): Change => {
    const values = { title: `title ${index}, ${'x'.repeat(random.below(40))}` }
    return { type: 'update', collection: 'own', identifier: random.pick(identifiers), values }
  })
  return [...inserts, ...edits]
}

function marks(count: number, random: SeededRandom): readonly Change[] {
  const editor = new Editor(who, { random, life: who })
  return Array.from({ length: count }, () => editor.mark())
}

class Month {
  readonly #server: WorkerdServer
  readonly #stream: string
  readonly #options: MonthOptions & { readonly random: SeededRandom }
  readonly #recorder = new Recorder()
  #cuts = 0

  constructor(server: WorkerdServer, stream: string, options: MonthOptions & { readonly random: SeededRandom }) {
    this.#server = server
    this.#stream = stream
    this.#options = options
  }

  async run(changes: readonly Change[], bounds: Bounds): Promise<{ readonly summary: string; readonly violations: readonly Violation[] }> {
    const { random, cuts } = this.#options
    await prepareStream(this.#server, this.#stream)
    let isOver = true
    const proxy = await ChaosProxy.start(this.#server.port, {
      random,
      ...bounds,
      // Shorter than what it takes to bring everything.
      msMax: 20,
      mayHappen: () => !isOver && this.#cuts < cuts,
      onMishap: () => this.#cuts++,
    })
    const client = this.#open(who, proxy.port)
    const listener = this.#open('l0', this.#server.port)
    try {
      await this.#until('offline, knowing the tape', () => client.isDrained(0), client)
      proxy.refuse(true)
      const makingMs = await timed(async () => {
        for (const [index, change] of changes.entries()) {
          client.publish(change)
          if (index % 100 === 0) await sleep(0)
        }
      })
      isOver = false
      proxy.refuse(false)
      const bringingMs = await timed(() => this.#until('bringing the drafts', () => client.isDrained(0), client))
      const latestSeq = await this.#server.latestSeq(this.#stream)
      await this.#until('listening', () => client.isDrained(latestSeq) && listener.isDrained(latestSeq), client)
      for (const each of [client, listener]) {
        if (each.isDrained(latestSeq)) each.recordDrained()
        else each.recordStuck()
      }
      const tape = await this.#server.tape(this.#stream)
      const summary = `made in ${seconds(makingMs)}, on the tape in ${seconds(bringingMs)} as ${tape.length} events through ${this.#cuts} cuts`
      return { summary, violations: check(this.#recorder.history, tape) }
    } finally {
      await client.stream.close()
      await listener.stream.close()
      await proxy.stop()
    }
  }

  #open(name: string, port: number): TortureClient {
    const { random } = this.#options
    const address = this.#server.streamAddress(this.#stream, port)
    return new TortureClient(name, { address, random, record: (entry) => this.#recorder.record(entry), timeScale })
  }

  async #until(what: string, isSo: () => boolean, client: TortureClient): Promise<void> {
    const deadline = Date.now() + restMsMax
    while (!isSo() && Date.now() < deadline) {
      client.hurry()
      this.#options.progress(`${what}: ${client.stream.status.pending} pending, ${this.#cuts} cuts`)
      await sleep(5)
    }
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
