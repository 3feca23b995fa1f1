/**
 * Several people in one folder: real streams, models and core, a bad network, processes and servers that die, in virtual
 * time. Everybody writes, renames and removes files as they see them, often the same one at once.
 *
 * At the end everybody shows the same files, each whole; and every content that somebody wrote is there, unless somebody
 * who saw it wrote another one in its place, or removed it.
 */
import type { Stream } from '../../src/client/index.ts'
import { Folder, FolderError, keepBeside } from '../../src/models/index.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { VirtualTime } from '../support/virtual-time.ts'
import { SimNetwork } from './sim-network.ts'
import { comeToRest, type SimParts, SimProcess } from './sim-process.ts'
import { SimServer } from './sim-server.ts'
import { Violation } from './violation.ts'

export interface FoldersOptions {
  readonly seed: number
  readonly people: number
  readonly steps: number
  readonly isRough: boolean
}

export interface FoldersReport {
  readonly files: number
  readonly kept: number
}

const paths = ['a.txt', 'A.txt', 'b.txt', 'dir/a.txt', 'dir']
/** What nobody can have known yet when they did something. */
const refusals = /^(twin|not-found|incomplete|not-ready)$/

class Person {
  readonly #parts: SimParts
  readonly #process: SimProcess
  readonly #name: string
  /** Every content that was written, and those that were seen by whoever wrote or removed something in their place. */
  readonly #written: Set<string>
  readonly #superseded: Set<string>
  #end = () => {}
  #count = 0
  #ids = 0
  kept = 0
  readonly errors: unknown[] = []
  stream!: Stream
  folder!: Folder

  constructor(name: string, parts: SimParts, records: { readonly written: Set<string>; readonly superseded: Set<string> }) {
    this.#name = name
    this.#parts = parts
    this.#written = records.written
    this.#superseded = records.superseded
    this.#process = new SimProcess(name, parts)
    this.open()
  }

  open(): void {
    this.#end()
    this.stream = this.#process.open()
    this.folder = new Folder('files', { newIdentifier: () => `${this.#name}${++this.#ids}` })
    this.stream.attach(this.folder)
    this.#end = keepBeside(this.folder, this.stream, { onKept: () => this.kept++, onError: (error) => this.errors.push(error) })
  }

  act(): void {
    try {
      this.#act()
    } catch (error) {
      if (!(error instanceof FolderError && refusals.test(error.code))) throw error
    }
  }

  #act(): void {
    const { random } = this.#parts
    const path = random.pick([...paths, ...this.folder.list.map((file) => file.path)])
    const file = this.folder.get(path)
    const hash = file?.hash
    // Nobody knows what would be in its place.
    if (file !== undefined && hash === undefined) return
    const dice = random.next()
    if (dice < 0.7) {
      const text = this.#content(path)
      const written = this.folder.write(path, new TextEncoder().encode(text))
      this.#written.add(written.hash)
      if (hash !== undefined) this.#superseded.add(hash)
    } else if (dice < 0.85) this.folder.rename(path, random.pick(paths))
    else {
      this.folder.remove(path)
      if (hash !== undefined) this.#superseded.add(hash)
    }
  }

  /** A change of what is there, or something new; now and then in more than one part. */
  #content(path: string): string {
    const { random } = this.#parts
    const mark = `<${this.#name} ${++this.#count}>`
    const before = this.folder.get(path)?.isComplete === true ? new TextDecoder().decode(this.folder.read(path)) : ''
    if (before === '' || random.chance(0.1)) return mark.repeat(random.pick([1, 1, 50, 1, 30_000]))
    const at = random.below(before.length + 1)
    return before.slice(0, at) + mark + before.slice(at + random.below(20))
  }
}

export async function runFolders({ seed, people: count, steps, isRough }: FoldersOptions): Promise<FoldersReport> {
  const random = new SeededRandom(seed)
  const time = new VirtualTime()
  const server = new SimServer(time, { tape: new MemoryTape() })
  const temper = isRough ? { loss: 0.1, failure: 0.1, delayMsMax: 100 } : { loss: 0, failure: 0, delayMsMax: 40 }
  const network = new SimNetwork(server, { time, random, temper })
  const records = { written: new Set<string>(), superseded: new Set<string>() }
  const people = Array.from(
    { length: count },
    (_, index) => new Person(String.fromCharCode(65 + index), { time, network, random }, records),
  )
  for (let step = 0; step < steps; step++) {
    const person = random.pick(people)
    const dice = isRough ? random.next() : 0.08 + random.next()
    if (dice < 0.03) network.cutOne()
    else if (dice < 0.04) {
      server.kill()
      network.cutAll()
    } else if (dice < 0.06) server.sleep()
    else if (dice < 0.08) person.open()
    else if (dice < 0.12) person.stream.pause()
    else if (dice < 0.2) person.stream.resume()
    else person.act()
    await time.advance(random.next() * random.pick([0, 20, 200]))
  }
  temper.loss = 0
  temper.failure = 0
  const isAtRest = () => people.every(({ stream }) => stream.status.refused.length === 0)
  const isDone = await comeToRest(() => people.map(({ stream }) => stream), { time, network, isAtRest })
  check(seed, people, records, isDone)
  return { files: people[0]?.folder.list.length ?? 0, kept: people.reduce((sum, { kept }) => sum + kept, 0) }
}

function check(
  seed: number,
  people: readonly Person[],
  { written, superseded }: { written: Set<string>; superseded: Set<string> },
  isDone: boolean,
): void {
  const fail = (what: string) => {
    throw new Violation(`Seed ${seed}: ${what}`)
  }
  const [first] = people
  if (!isDone)
    fail(
      `Somebody did not come to rest: ${JSON.stringify(people.map(({ stream, errors }) => [errors.map(String), stream.status.refused, stream.outbox]))}`,
    )
  const shown = (person: Person | undefined) => person?.folder.list.map(({ path, hash }) => `${path} ${hash}`).join('\n')
  for (const person of people) {
    if (shown(person) !== shown(first)) fail(`One shows\n${shown(person)}\nand another\n${shown(first)}`)
    for (const { path } of person.folder.list) person.folder.read(path)
  }
  const there = new Set(first?.folder.list.map(({ hash }) => hash))
  for (const hash of written) if (!there.has(hash) && !superseded.has(hash)) fail(`The content ${hash} is lost.`)
}
