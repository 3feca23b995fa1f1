/** A real browser for journeys: it keeps what a page must never do, and what a person would want to know. */

import { spawn } from 'node:child_process'
import chromium from '@sparticuz/chromium'
import { type Browser, type BrowserContextOptions, type Page, chromium as playwright } from 'playwright-core'

/** These would switch off what the journeys are to watch, make the browser fall as a whole, or paint by a GPU that is emulated. */
const unwantedArguments = [
  ...['--disable-web-security', '--allow-running-insecure-content', '--single-process', '--no-zygote'],
  ...['--ignore-gpu-blocklist', '--in-process-gpu', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
]

/** CHROMIUM names another browser than the packaged one, which runs on Linux alone. */
export async function launchBrowser(): Promise<Browser> {
  return playwright.launch({ executablePath: await executable(), args: wantedArguments() })
}

export interface MortalBrowser {
  /** Kills it with all its processes, as a power cut does. Resolves when it is gone. */
  kill(): Promise<void>
}

/** Opens a page in a browser of its own, which keeps what it stores in `profile`, and can be started there again. */
export async function startMortalBrowser(address: string, profile: string): Promise<MortalBrowser> {
  const ownArguments = [`--user-data-dir=${profile}`, '--remote-debugging-port=0', '--no-first-run']
  // A process group of its own, and its temporary files where they are removed with the profile.
  const child = spawn(await executable(), [...wantedArguments(), ...ownArguments, address], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, TMPDIR: profile },
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const killAll = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  process.once('exit', killAll)
  return {
    kill: async () => {
      process.off('exit', killAll)
      killAll()
      await exited
    },
  }
}

async function executable(): Promise<string> {
  return process.env.CHROMIUM ?? (await chromium.executablePath())
}

function wantedArguments(): string[] {
  return [...chromium.args.filter((argument) => !unwantedArguments.includes(argument)), '--disable-gpu']
}

/** A page in a context of its own, as another person on another machine has it. */
export class Visit {
  readonly page: Page
  /** Dialogs, uncaught errors, and violations of the content security policy: none of them may ever be. */
  readonly offences: string[] = []
  readonly #sockets: LiveFrames[] = []
  /** Addresses of reads of the tape over HTTP. */
  readonly reads: string[] = []

  private constructor(page: Page) {
    this.page = page
    page.setDefaultTimeout(10_000)
    page.on('pageerror', (error) => this.offences.push(`error: ${error.message}`))
    page.on('dialog', async (dialog) => {
      this.offences.push(`dialog: ${dialog.message()}`)
      await dialog.dismiss()
    })
    page.on('console', (message) => {
      if (/content.security.policy|trusted.?type/i.test(message.text())) this.offences.push(`policy: ${message.text()}`)
    })
    page.on('request', (request) => {
      if (request.url().includes('/events?')) this.reads.push(request.url())
    })
    page.on('websocket', (socket) => {
      const frames: LiveFrames = { address: socket.url(), sent: [], received: [] }
      this.#sockets.push(frames)
      socket.on('framesent', ({ payload }) => frames.sent.push(parse(String(payload))))
      socket.on('framereceived', ({ payload }) => frames.received.push(parse(String(payload))))
    })
  }

  static async start(browser: Browser, address: string, options: BrowserContextOptions = {}): Promise<Visit> {
    // A browser that keeps all pages for later, in a process of its own, takes longer than most of what is done with one.
    // Nor is what moves worth its paint, unless somebody looks at that.
    const context = await browser.newContext({ serviceWorkers: 'block', reducedMotion: 'reduce', ...options })
    const visit = new Visit(await context.newPage())
    await visit.page.goto(address)
    return visit
  }

  /** Live sockets, oldest first. */
  get sockets(): readonly LiveFrames[] {
    return this.#sockets
  }

  /** The state that the badge shows. */
  badge(): Promise<string | null> {
    return this.page.getByRole('status').first().getAttribute('data-state')
  }

  badgeText(): Promise<string | null> {
    return this.page.getByRole('status').first().textContent()
  }

  /** What browsers say when the network is back: it shortens the wait for the next try. */
  async comeBack(): Promise<void> {
    // A try that began before the network was back is lost, and then waits.
    await this.page.waitForFunction(() => document.querySelector('[role="status"]')?.getAttribute('data-state') !== 'connecting')
    await this.page.evaluate(() => {
      if (document.querySelector('[role="status"]')?.getAttribute('data-state') === 'offline') dispatchEvent(new Event('online'))
    })
  }

  async end(): Promise<void> {
    await this.page.context().close()
  }
}

interface LiveFrames {
  readonly address: string
  readonly sent: Frame[]
  readonly received: Frame[]
}

export interface Frame {
  readonly type: string
  readonly covers?: unknown
  readonly follows?: unknown
  readonly seq?: unknown
}

function parse(text: string): Frame {
  return text.startsWith('{') ? (JSON.parse(text) as Frame) : { type: text }
}
