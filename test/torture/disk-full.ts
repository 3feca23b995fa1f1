/**
 * Fills the server's disk: it lies on a small file system in memory, which is filled while everybody publishes. What
 * does not fit is refused as `unavailable`, and nothing that was answered otherwise is missing; also not when the
 * process is killed on the full disk. When there is room again, everything goes on.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '../support/seeded-random.ts'
import type { Violation } from './checker.ts'
import { Crew } from './crew.ts'
import type { PlugReport, Progress } from './plug.ts'
import { WorkerdServer } from './workerd-server.ts'

export interface DiskFullOptions {
  readonly seed: number
  readonly progress: Progress
}

const sizeBefore = '4m'
const sizeAfter = '64m'
const stream = 'disk-full'
const fillerBytes = 100_000
/** So often in a row something is refused before the disk counts as full. */
const refusalsInARow = 3

export async function fillDisk({ seed, progress }: DiskFullOptions): Promise<PlugReport> {
  const folder = mkdtempSync(join(tmpdir(), 'tapeline-disk-'))
  const problem = mount(folder, [`size=${sizeBefore}`])
  if (problem !== undefined) {
    rmSync(folder, { recursive: true })
    return { summary: `skipped, for no small disk can be mounted here: ${problem}`, violations: [] }
  }
  const server = await WorkerdServer.create({ storage: folder })
  try {
    await server.start()
    return await fill(server, { folder, random: new SeededRandom(seed), progress })
  } finally {
    await server.stop()
    execFileSync('umount', ['--lazy', folder])
    rmSync(folder, { recursive: true })
  }
}

/** Gives what stands in the way, if something does. */
function mount(folder: string, options: readonly string[]): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', folder], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error)
  }
}

interface Filling {
  readonly folder: string
  readonly random: SeededRandom
  readonly progress: Progress
}

async function fill(server: WorkerdServer, { folder, random, progress }: Filling): Promise<PlugReport> {
  const crew = await Crew.start({ server, stream, publishers: 3, subscribers: 2, seed: random.below(2 ** 32), timeScale: 20 })
  const filler = new Filler(server)
  crew.startEditing()
  await filler.untilFull((taken) => progress(`${taken} fillers taken`))
  const beforeKill = await filler.checkTape()
  await server.kill()
  await server.start()
  const afterKill = await filler.checkTape()
  await filler.untilFull((taken) => progress(`${taken} fillers taken, after a kill`))
  const hurrying = setInterval(() => crew.hurry(), 20)
  await sleep(500)
  clearInterval(hurrying)
  const problem = mount(folder, ['remount', `size=${sizeAfter}`])
  if (problem !== undefined) throw new Error(`There is no more room to be had: ${problem}`)
  progress('room again')
  const { events, violations } = await crew.finish()
  const atEnd = await filler.checkTape()
  return {
    summary: `a disk of ${sizeBefore} full twice, ${filler.taken.length} large publishes taken and ${filler.refused.length} refused, ${events} events`,
    violations: [...violations, ...beforeKill, ...afterKill, ...atEnd, ...filler.lies],
  }
}

/** Publishes large events as a script does, and keeps what was answered. */
class Filler {
  readonly #server: WorkerdServer
  readonly taken: string[] = []
  readonly refused: string[] = []
  /** Answers that said something else than that there is no room. */
  readonly lies: Violation[] = []
  #count = 0

  constructor(server: WorkerdServer) {
    this.#server = server
  }

  async untilFull(progress: (taken: number) => void): Promise<void> {
    for (let inARow = 0; inARow < refusalsInARow; ) {
      inARow = (await this.#publish()) ? 0 : inARow + 1
      progress(this.taken.length)
    }
  }

  /** What was said to be taken must be there, what was refused must not; to be read also from a full disk. */
  async checkTape(): Promise<readonly Violation[]> {
    const identifiers = new Set((await this.#server.tape(stream)).map(({ identifier }) => identifier))
    const missing = this.taken.filter((identifier) => !identifiers.has(identifier))
    const uninvited = this.refused.filter((identifier) => identifiers.has(identifier))
    return [
      ...missing.map((identifier): Violation => ({ kind: 'missing', text: `${identifier} was taken and is not on the tape.` })),
      ...uninvited.map((identifier): Violation => ({ kind: 'foreign', text: `${identifier} was refused and is on the tape.` })),
    ]
  }

  async #publish(): Promise<boolean> {
    const identifier = `filler-${++this.#count}`
    const values = { text: 'x'.repeat(fillerBytes) }
    const answer = await this.#server.publish(stream, [{ type: 'insert', collection: 'filler', identifier, values }])
    const { code } = (await answer.json()) as { readonly code?: string }
    if (answer.ok) {
      this.taken.push(identifier)
      return true
    }
    this.refused.push(identifier)
    if (answer.status !== 503 || code !== 'unavailable') {
      this.lies.push({ kind: 'refused', text: `${identifier} got ${answer.status} ${code} instead of 503 unavailable.` })
    }
    return false
  }
}
