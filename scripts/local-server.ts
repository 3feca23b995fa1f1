/**
 * `wrangler dev` kept running: started without account, network or questions, watched until it answers, started
 * again when it ends by itself (it can end on an aborted request), and ended with all its children.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const root = join(import.meta.dirname, '..')
const wranglerBin = join(root, 'node_modules/wrangler/bin/wrangler.js')

/** A server that ends sooner than this has not served anybody: something is wrong with it. */
const earlyEndMs = 10_000
const earlyEndsMax = 3
const restartDelayMs = 500
/** Workers finish what they are at; what has not ended by then is not going to. */
const endDeadlineMs = 5_000
const readyDeadlineMs = 60_000

export interface LocalServerHooks {
  /** It answers: the first time, and again after each restart. */
  readonly onReady: () => void
  readonly onLine: (line: string) => void
  readonly onRestart: () => void
}

/** Runs until `signal` aborts. Rejects when the server cannot be kept running. */
export async function runLocalServer(port: number, signal: AbortSignal, hooks: LocalServerHooks): Promise<void> {
  let earlyEnds = 0
  while (!signal.aborted) {
    const startedAt = Date.now()
    const child = start(port, hooks.onLine)
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const onAbort = () => void end(child)
    signal.addEventListener('abort', onAbort, { once: true })
    void announce(port, child, hooks)
    await ended
    signal.removeEventListener('abort', onAbort)
    // A process of its group that outlives it would hold the port.
    kill(child, 'SIGKILL')
    if (signal.aborted) return
    earlyEnds = Date.now() - startedAt < earlyEndMs ? earlyEnds + 1 : 0
    if (earlyEnds >= earlyEndsMax) throw new Error(`wrangler dev ended ${earlyEnds} times right after its start; its last words are above.`)
    hooks.onRestart()
    await sleep(restartDelayMs)
  }
}

/** Whether nobody listens on the port, on either of the addresses that localhost may mean. */
export async function isPortFree(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '::1']) {
    const code = await new Promise<string | undefined>((resolve) => {
      const probe = createServer()
      probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      probe.listen(port, host, () => probe.close(() => resolve(undefined)))
    })
    // A machine without IPv6 has nobody there either.
    if (code === 'EADDRINUSE' || code === 'EACCES') return false
  }
  return true
}

function start(port: number, onLine: (line: string) => void): ChildProcess {
  const args = ['dev', '--port', String(port), '--inspector-port', '0', '--var', 'DEMO:on', '--show-interactive-dev-session=false']
  const child = spawn(process.execPath, [wranglerBin, ...args, '--log-level', 'warn'], {
    cwd: root,
    // A group of its own, so that its children can be ended with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      // Nothing is asked of the network: no metrics, no error reports, no look for updates, no description of a request's origin.
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_SEND_ERROR_REPORTS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      WRANGLER_NO_SKILLS_UPDATE_PROMPTS: 'true',
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
      // No questions, whatever the terminal.
      CI: 'true',
      NO_COLOR: '1',
    },
  })
  for (const lines of linesOf(child)) {
    lines.on('line', (line) => {
      if (line.trim() !== '') onLine(line)
    })
  }
  return child
}

function linesOf({ stdout, stderr }: ChildProcess): readonly Interface[] {
  return [stdout, stderr].flatMap((input) => (input === null ? [] : [createInterface({ input })]))
}

/** Tells when the server answers, unless it ends before. */
async function announce(port: number, child: ChildProcess, { onReady, onLine }: LocalServerHooks): Promise<void> {
  const deadline = Date.now() + readyDeadlineMs
  while (child.exitCode === null && child.signalCode === null) {
    const isReady = await fetch(`http://localhost:${port}/favicon.svg`, { signal: AbortSignal.timeout(2_000) }).then(
      (answer) => answer.ok,
      () => false,
    )
    if (isReady) return onReady()
    if (Date.now() > deadline) return onLine(`wrangler dev does not answer on port ${port}.`)
    await sleep(150)
  }
}

async function end(child: ChildProcess): Promise<void> {
  kill(child, 'SIGTERM')
  await sleep(endDeadlineMs, undefined, { ref: false })
  if (child.exitCode === null && child.signalCode === null) kill(child, 'SIGKILL')
}

function kill({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // The group is gone already.
  }
}
