/**
 * Pulls the client's plug: a process that edits over a durable store is killed at random moments, online and offline,
 * and started again on the same file, until it drains. What its store had saved must be on the tape, once, in order.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { SeededRandom } from '../support/seeded-random.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { check, type Violation } from './checker.ts'
import type { ClientLife } from './client-process.ts'
import { prepareStream } from './crew.ts'
import type { Entry, History } from './history.ts'
import type { PlugOptions, PlugReport } from './plug.ts'
import { Recorder } from './recorder.ts'
import { TortureClient } from './torture-client.ts'
import { WorkerdServer } from './workerd-server.ts'

/** So many clients are killed side by side, on one stream, so many times each, before everything is checked. */
const clientsAtOnce = 4
const roundKills = 100
/** A client that may is online within this, mostly. */
const onlineMsMax = 2000

export async function pullClientPlug({ count, seed, progress }: PlugOptions): Promise<PlugReport> {
  const folder = mkdtempSync(join(tmpdir(), 'tapeline-client-kills-'))
  const [server, program] = await Promise.all([WorkerdServer.create(), bundleProcess(folder)])
  const random = new SeededRandom(seed)
  const violations: Violation[] = []
  let done = 0
  let events = 0
  try {
    await server.start()
    for (let round = 0; done < count && violations.length === 0; round++) {
      const stream = `client-kills-${round}`
      const kills = Math.min(roundKills, count - done)
      const onKill = () => progress(`${++done} of ${count} kills, ${events} events checked`)
      const finding = await new Round({ server, stream, folder, program, random }).run(kills, onKill)
      events += finding.events
      violations.push(...finding.violations)
    }
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return { summary: `${done} kills of clients, ${events} events`, violations }
}

interface Surroundings {
  readonly server: WorkerdServer
  readonly stream: string
  readonly folder: string
  readonly program: string
  readonly random: SeededRandom
}

class Round {
  readonly #around: Surroundings
  readonly #recorder = new Recorder()

  constructor(around: Surroundings) {
    this.#around = around
  }

  async run(kills: number, onKill: () => void): Promise<{ readonly events: number; readonly violations: readonly Violation[] }> {
    const { server, stream, random } = this.#around
    await prepareStream(server, stream)
    const listener = new TortureClient('l0', {
      address: server.streamAddress(stream),
      random,
      record: (entry) => this.#recorder.record(entry),
    })
    const victims = await Promise.all(Array.from({ length: clientsAtOnce }, (_, index) => Victim.create(`c${index}`, this.#around)))
    let left = kills
    const takeOne = () => left-- > 0
    await Promise.all(victims.map((victim) => victim.beKilled(takeOne, onKill)))
    // Their drafts are all on the tape before anybody says how long it is.
    const drains = await Promise.all(victims.map((victim) => victim.startDraining()))
    const latestSeq = await server.latestSeq(stream)
    await Promise.all(drains.map((finish) => finish(latestSeq)))
    for (let i = 0; i < 1000 && !listener.isDrained(latestSeq); i++) await sleep(5)
    if (listener.isDrained(latestSeq)) listener.recordDrained()
    else listener.recordStuck()
    const tape = await server.tape(stream)
    await listener.stream.close()
    const histories = await Promise.all(victims.map((victim) => victim.end()))
    return { events: tape.length, violations: check([...this.#recorder.history, ...histories.flat()], tape) }
  }
}

/** A client with all its lives, its store, and a network of its own. */
class Victim {
  readonly #who: string
  readonly #around: Surroundings
  readonly #random: SeededRandom
  readonly #proxy: TcpProxy
  readonly #historyPath: string
  #lives = 0

  private constructor(who: string, around: Surroundings, proxy: TcpProxy) {
    this.#who = who
    this.#around = around
    this.#random = new SeededRandom(around.random.below(2 ** 32))
    this.#proxy = proxy
    this.#historyPath = join(around.folder, `${around.stream}-${who}.jsonl`)
  }

  static async create(who: string, around: Surroundings): Promise<Victim> {
    return new Victim(who, around, await TcpProxy.start(around.server.port))
  }

  async beKilled(takeOne: () => boolean, onKill: () => void): Promise<void> {
    while (takeOne()) {
      await this.#liveAndDie()
      onKill()
    }
  }

  async #liveAndDie(): Promise<void> {
    const random = this.#random
    const isOffline = random.chance(0.35)
    this.#setOffline(isOffline)
    // A slow answer leaves time to be killed between what the server has taken and the news of it.
    this.#proxy.downDelayMs = random.pick([0, 3, 10, 30])
    const life = this.#live(false)
    await life.said('editing')
    if (!isOffline && random.chance(0.85)) await Promise.race([life.said('online'), sleep(onlineMsMax)])
    await sleep(random.below(120))
    if (random.chance(0.2)) {
      this.#setOffline(random.chance(0.5))
      await sleep(random.below(60))
    }
    await life.kill()
    // The last line may be torn.
    appendFileSync(this.#historyPath, `\n${JSON.stringify({ type: 'killed', who: this.#who } satisfies Entry)}\n`)
    this.#proxy.forget()
  }

  /** Resolves when the outbox is empty, with what lets it finish. */
  async startDraining(): Promise<(latestSeq: number) => Promise<void>> {
    this.#setOffline(false)
    const life = this.#live(true)
    await life.said('empty')
    return (latestSeq) => life.finish(latestSeq)
  }

  async end(): Promise<History> {
    await this.#proxy.stop()
    const lines = readFileSync(this.#historyPath, 'utf8').split('\n')
    rmSync(this.#historyPath)
    return lines.flatMap((line) => parsed(line))
  }

  #live(drains: boolean): Life {
    const { server, stream, folder, program } = this.#around
    const life: ClientLife = {
      who: this.#who,
      life: `${this.#who}.${++this.#lives}`,
      address: server.streamAddress(stream, Number(new URL(this.#proxy.origin).port)),
      storePath: join(folder, `${stream}-${this.#who}.sqlite`),
      historyPath: this.#historyPath,
      seed: this.#random.below(2 ** 32),
      drains,
    }
    return new Life(spawn(process.execPath, ['--no-warnings', program, JSON.stringify(life)], { stdio: ['pipe', 'pipe', 'inherit'] }))
  }

  #setOffline(isOffline: boolean): void {
    this.#proxy.refuse(isOffline)
    if (isOffline) this.#proxy.cut()
  }
}

/** One process, from its start to its end. */
class Life {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #said = new Set<string>()
  readonly #waiting = new Map<string, () => void>()

  constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = new Promise((resolve) => child.once('exit', () => resolve()))
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#said.add(line)
      this.#waiting.get(line)?.()
    })
  }

  /** Resolves when it has said a line; rejects when it ends without. */
  async said(line: string): Promise<void> {
    const saying = new Promise<void>((resolve) => {
      if (this.#said.has(line)) resolve()
      else this.#waiting.set(line, resolve)
    })
    await Promise.race([saying, this.#ended])
    if (!this.#said.has(line)) throw new Error(`A client ended before it said "${line}".`)
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Tells it how long the tape is; it ends when it has all of it. */
  async finish(latestSeq: number): Promise<void> {
    this.#child.stdin?.write(`${latestSeq}\n`)
    await this.#ended
  }
}

function parsed(line: string): readonly Entry[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as Entry]
  } catch {
    return []
  }
}

/** One file that starts quickly. */
async function bundleProcess(folder: string): Promise<string> {
  const outfile = join(folder, 'client.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('./client-process.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    logLevel: 'warning',
  })
  return outfile
}
