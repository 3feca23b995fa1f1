/**
 * Pulls the browser's plug: two tabs edit over one IndexedDB, and the browser is killed with all its processes at random
 * moments, online and offline, and started again with the same profile, until both drain. Now and then a tab crashes.
 *
 * Chromium loses all of an origin's databases now and then when it is killed, whatever they hold and whoever wrote them.
 * A canary that dies with them tells; of such a round nothing can be said.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { startMortalBrowser } from '../support/browser.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import type { PageLife } from './browser-page.ts'
import type { TabLife } from './browser-tab.ts'
import { check, type Violation } from './checker.ts'
import { prepareStream } from './crew.ts'
import type { Entry, History } from './history.ts'
import type { PlugOptions, PlugReport } from './plug.ts'
import { Recorder } from './recorder.ts'
import { WorkerdServer } from './workerd-server.ts'

/** After so many, everything is checked and a new stream and a new profile are begun. */
const roundKills = 25
/** A page that may is online within this, mostly. */
const onlineMsMax = 3000
const tabs = ['b0', 'b1'] as const
const stream = 'browser-kills'
/** A browser starts within this, and a page comes to rest, or never do. */
const waitMsMax = 60_000

export async function pullBrowserPlug({ count, seed, progress }: PlugOptions): Promise<PlugReport> {
  const random = new SeededRandom(seed)
  const site = await PageSite.start()
  const violations: Violation[] = []
  let done = 0
  let events = 0
  let lost = 0
  try {
    while (done < count && violations.length === 0) {
      const round = new Round(site, random)
      const kills = Math.min(roundKills, count - done)
      const finding = await round.run(kills, () => progress(`${++done} of ${count} kills, ${events} events checked`))
      events += finding.events
      if (site.hasLostAll) lost++
      else violations.push(...finding.violations)
    }
  } finally {
    site.stop()
  }
  const given =
    lost === 0 ? '' : ` (${lost} of ${Math.ceil(done / roundKills)} rounds given up, as the browser lost all that it had stored)`
  return { summary: `${done} kills of the browser, ${events} events${given}`, violations }
}

class Round {
  readonly #site: PageSite
  readonly #random: SeededRandom
  readonly #profile = mkdtempSync(join(tmpdir(), 'tapeline-browser-'))
  #lives = 0

  constructor(site: PageSite, random: SeededRandom) {
    this.#site = site
    this.#random = random
  }

  async run(kills: number, onKill: () => void): Promise<{ readonly events: number; readonly violations: readonly Violation[] }> {
    const server = await WorkerdServer.create({ allowedOrigin: this.#site.origin })
    await server.start()
    const proxy = await TcpProxy.start(server.port)
    const address = server.streamAddress(stream, Number(new URL(proxy.origin).port))
    this.#site.begin(() => server.latestSeq(stream))
    try {
      await prepareStream(server, stream)
      for (let i = 0; i < kills; i++) {
        await this.#liveAndDie(address, proxy)
        onKill()
      }
      proxy.refuse(false)
      await this.#drain(address)
      const tape = await server.tape(stream)
      return { events: tape.length, violations: check(this.#site.history, tape) }
    } finally {
      await proxy.stop()
      await server.stop()
      rmSync(this.#profile, { recursive: true, force: true })
    }
  }

  async #liveAndDie(address: string, proxy: TcpProxy): Promise<void> {
    const random = this.#random
    const setOffline = (isOffline: boolean) => {
      proxy.refuse(isOffline)
      if (isOffline) proxy.cut()
    }
    const isOffline = random.chance(0.35)
    setOffline(isOffline)
    // A slow answer leaves time to be killed between what the server has taken and the news of it.
    proxy.downDelayMs = random.pick([0, 10, 40])
    const browser = await startMortalBrowser(this.#site.address(this.#life(address)), this.#profile)
    try {
      await this.#site.until(({ type }) => type === 'made')
      if (!isOffline && random.chance(0.85)) {
        await Promise.race([this.#site.until(({ type }) => type === 'delivered'), sleep(onlineMsMax)])
      }
      await sleep(random.below(200))
      if (random.chance(0.3)) {
        setOffline(random.chance(0.5))
        await sleep(random.below(100))
      }
    } finally {
      await browser.kill()
      this.#site.close()
      for (const who of tabs) this.#site.record({ type: 'killed', who })
      proxy.forget()
    }
  }

  async #drain(address: string): Promise<void> {
    const page: PageLife = { tabs: tabs.map((who) => this.#tab(who, address, true)) }
    const browser = await startMortalBrowser(this.#site.address(page), this.#profile)
    try {
      let resting = 0
      await this.#site.until(({ type }) => (type === 'drained' || type === 'stuck') && ++resting === tabs.length)
    } finally {
      await browser.kill()
    }
  }

  #life(address: string): PageLife {
    const random = this.#random
    const crash = { afterMs: random.below(400), next: this.#tab(random.pick(tabs), address, false) }
    return { tabs: tabs.map((who) => this.#tab(who, address, false)), ...(random.chance(0.4) ? { crash } : {}) }
  }

  #tab(who: string, address: string, drains: boolean): TabLife {
    const life = `${who}.${++this.#lives}`
    return { who, life, address, seed: this.#random.below(2 ** 32), entries: this.#site.entries, drains }
  }
}

/** Serves the page, and takes what it tells. */
class PageSite {
  readonly #server: Server
  readonly #scripts: ReadonlyMap<string, string>
  #recorder = new Recorder()
  #browsers = 0
  #latestSeq: () => Promise<number> = async () => -1
  #isCanaryThere = false
  /** Whether the browser has lost, in this history, what it once had. */
  hasLostAll = false

  private constructor(scripts: ReadonlyMap<string, string>) {
    this.#scripts = scripts
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<PageSite> {
    const site = new PageSite(await bundlePages())
    site.#server.listen(0, '127.0.0.1')
    await once(site.#server, 'listening')
    return site
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get history(): History {
    return this.#recorder.history
  }

  /** Begins a new history. */
  begin(latestSeq: () => Promise<number>): void {
    this.#recorder = new Recorder()
    this.#latestSeq = latestSeq
    this.#isCanaryThere = false
    this.hasLostAll = false
  }

  /** Where the tabs of the present browser tell what they do. */
  get entries(): string {
    return `/entries/${this.#browsers}`
  }

  /** The browser is dead: what still comes from it was never answered, so nothing has followed from it. */
  close(): void {
    this.#browsers++
  }

  address(life: PageLife): string {
    return `${this.origin}/?${encodeURIComponent(JSON.stringify(life))}`
  }

  record(entry: Entry): void {
    this.#recorder.record(entry)
    this.#server.emit('entry', entry)
  }

  /** Resolves when the page tells something like that. */
  async until(isIt: (entry: Entry) => boolean): Promise<void> {
    const signal = AbortSignal.timeout(waitMsMax)
    for (;;) {
      const [entry] = (await once(this.#server, 'entry', { signal })) as [Entry]
      if (isIt(entry)) return
    }
  }

  #noteCanary(state: string | undefined): void {
    if (state === 'absent' && this.#isCanaryThere) this.hasLostAll = true
    if (state === 'there') this.#isCanaryThere = true
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'POST') {
      // Of a request that was under way when the browser was killed, nothing or all has come.
      const body = await text(request).catch(() => undefined)
      if (request.url === '/canary') this.#noteCanary(body)
      else if (body !== undefined && request.url === this.entries) this.record(JSON.parse(body) as Entry)
      response.writeHead(204).end()
    } else if (request.url === '/latest-seq') {
      response.end(String(await this.#latestSeq()))
    } else if (this.#scripts.has(request.url ?? '')) {
      response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(this.#scripts.get(request.url ?? ''))
    } else {
      const script = request.url?.startsWith('/tab') ? '/browser-tab.js' : '/browser-page.js'
      response.writeHead(200, { 'Content-Type': 'text/html' })
      response.end(`<!doctype html><body><script type="module" src="${script}"></script></body>`)
    }
  }
}

/** The scripts by their addresses. */
async function bundlePages(): Promise<ReadonlyMap<string, string>> {
  const { outputFiles } = await build({
    entryPoints: ['browser-page', 'browser-tab'].map((name) => fileURLToPath(new URL(`./${name}.ts`, import.meta.url))),
    outdir: '/',
    bundle: true,
    format: 'esm',
    target: 'es2024',
    write: false,
    logLevel: 'warning',
  })
  return new Map(outputFiles.map(({ path, text }) => [path, text]))
}
