/**
 * A long tape of to-dos: every task is made, then written, now and then removed and made again, by clients that take
 * turns. It comes from a seed and is published one batch after the other, so it is the same tape each time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SealedState } from '../../src/server/sealed/sealed-state.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import type { HttpClient } from './http-client.ts'
import { thousands } from './report.ts'
import type { Server } from './workerd.ts'

const tasksMax = 10_000
const clientCount = 7
const batchEvents = 100

const words =
  'buy call write read plan check send sign book order clean paint repair water return milk bread letter report tickets garden window invoice ' +
  'contract bicycle kitchen dentist parents school library for with before after Monday Friday noon holidays'

const titleWords = words.split(' ')

const projects = 100

function projectOf(index: number): string {
  return `project-${index % projects}`
}

export class TaskTape {
  readonly #random: SeededRandom
  readonly #tasks: { readonly identifier: string; isThere: boolean }[]
  readonly #clients: { readonly id: string; counter: number }[]
  published = 0

  /** A short tape has fewer tasks, so that it is more than their making. */
  constructor(length: number, seed = 1) {
    this.#random = new SeededRandom(seed)
    this.#tasks = Array.from({ length: Math.min(tasksMax, length / 10) }, () => ({ identifier: this.#uuid(), isThere: false }))
    this.#clients = Array.from({ length: clientCount }, () => ({ id: this.#uuid(), counter: 0 }))
  }

  /** How many tasks there are now. */
  get shown(): number {
    return this.#tasks.filter(({ isThere }) => isThere).length
  }

  /** How many of them are in one project, of which there are so many. */
  shownIn(project: string): number {
    return this.#tasks.filter(({ isThere }, index) => isThere && projectOf(index) === project).length
  }

  /** The next batch, of the client whose turn it is, as the body of a publish. */
  nextBody(): string {
    const client = this.#clients[(this.published / batchEvents) % clientCount] as { id: string; counter: number }
    const seen = this.published - 1
    const drafts = Array.from({ length: batchEvents }, () => ({ counter: ++client.counter, seen, ...this.#nextChange() }))
    return JSON.stringify({ client: client.id, drafts })
  }

  #nextChange(): object {
    const isNew = this.published < this.#tasks.length
    const task = isNew ? this.#tasks[this.published] : this.#random.pick(this.#tasks)
    if (task === undefined) throw new Error('A tape needs a task.')
    this.published++
    const of = { collection: 'tasks', identifier: task.identifier }
    if (!task.isThere) {
      task.isThere = true
      const project = projectOf(this.#tasks.indexOf(task))
      return { type: 'insert', ...of, values: { title: this.#title(), completed: false, project } }
    }
    if (this.#random.chance(0.02)) {
      task.isThere = false
      return { type: 'delete', ...of }
    }
    return { type: 'update', ...of, values: this.#random.chance(0.5) ? { title: this.#title() } : { completed: this.#random.chance(0.5) } }
  }

  #title(): string {
    return Array.from({ length: 3 + this.#random.below(4) }, () => this.#random.pick(titleWords)).join(' ')
  }

  #uuid(): string {
    const hex = Array.from({ length: 32 }, () => this.#random.below(16).toString(16)).join('')
    return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})/, '$1-$2-4$3-a$4-')
  }
}

/** Publishes up to a length, by POST. */
export async function fill(client: HttpClient, stream: string, { tape, length }: { tape: TaskTape; length: number }): Promise<void> {
  while (tape.published < length) {
    await client.post(`/v1/streams/${stream}/events`, tape.nextBody())
    if (tape.published % 50_000 === 0) progress(`${stream}: ${thousands(tape.published)} events`)
  }
}

/** Sealing ends when fewer rows than make a segment lie before those that stay. */
const hotEventsMax = 1000 + 4000
const settlingMsMax = 10 * 60_000
const lookEveryMs = 500
/** A runtime that uses less than this share of a core, so often in a row, has nothing more to do. */
const quietShare = 0.1
const quietLooks = 4

/** Waits until everything is sealed and snapshotted that is to be, and tells what that is. */
export async function settle(server: Server, client: HttpClient, stream: string): Promise<SealedState> {
  const startedAt = performance.now()
  while (performance.now() - startedAt < settlingMsMax) {
    await untilQuiet(server)
    const state = JSON.parse((await client.get(`/bench/sealed/${stream}`)).text()) as SealedState
    if (state.latestSeq - (state.segments.at(-1)?.last ?? -1) <= hotEventsMax) return state
  }
  throw new Error(`${stream} has not been sealed in ${settlingMsMax / 60_000} minutes.`)
}

export async function untilQuiet({ cpuMs }: Server): Promise<void> {
  const startedAt = performance.now()
  for (let looks = 0; looks < quietLooks && performance.now() - startedAt < settlingMsMax; ) {
    const before = cpuMs()
    await sleep(lookEveryMs)
    looks = cpuMs() - before <= lookEveryMs * quietShare ? looks + 1 : 0
  }
}

export function progress(text: string): void {
  console.error(`… ${text}`)
}
