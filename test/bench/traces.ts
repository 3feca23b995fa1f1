/** What people do to a to-do list while nobody is connected, as changes: made with a seed, so that each run has the same. */
import type { Change, Values } from '../../src/protocol/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'

export interface Trace {
  readonly name: string
  /** What is on the tape before. */
  readonly present: readonly Change[]
  readonly changes: readonly Change[]
}

const seed = 1
const collection = 'tasks'
const labels = ['none', 'red', 'orange', 'yellow', 'green', 'turquoise', 'blue', 'purple', 'pink']
const words =
  'buy milk bread call water the plants book tickets for train fix bike lamp write to Anna about rent plan birthday clean up'.split(' ')

export function makeTraces(): readonly Trace[] {
  return [todoHour(new SeededRandom(seed)), typedTitle(new SeededRandom(seed)), createThenDelete(new SeededRandom(seed))]
}

/** A list of tasks, and every change that was made to it. */
class Editor {
  readonly changes: Change[] = []
  readonly #random: SeededRandom
  readonly #tasks = new Map<string, Values>()

  constructor(random: SeededRandom) {
    this.#random = random
  }

  get identifiers(): readonly string[] {
    return [...this.#tasks.keys()]
  }

  create(title = this.#phrase()): string {
    const identifier = Array.from({ length: 21 }, () => this.#random.below(36).toString(36)).join('')
    this.#vend('insert', identifier, { completed: false, title, label: 'none' })
    return identifier
  }

  remove(identifier: string): void {
    this.#vend('delete', identifier)
  }

  toggle(identifier: string): void {
    this.#vend('update', identifier, { completed: this.#tasks.get(identifier)?.completed !== true })
  }

  label(identifier: string): void {
    this.#vend('update', identifier, { label: this.#random.pick(labels) })
  }

  /** Types so much behind the title, a change a key; one key in ten is wrong and taken back. */
  type(identifier: string, text: string): void {
    for (const letter of text) {
      if (this.#random.chance(0.1)) {
        const title = this.#title(identifier)
        this.#retitle(identifier, `${title}${this.#random.pick(['e', 'n', 'x'])}`)
        this.#retitle(identifier, title)
      }
      this.#retitle(identifier, this.#title(identifier) + letter)
    }
  }

  /** Adds a word, or takes the end of the title away and writes it anew. */
  edit(identifier: string): void {
    if (this.#random.chance(0.5)) {
      for (let keys = 1 + this.#random.below(6); keys > 0; keys--) this.#retitle(identifier, this.#title(identifier).slice(0, -1))
    }
    this.type(identifier, ` ${this.#random.pick(words)}`)
  }

  #title(identifier: string): string {
    return String(this.#tasks.get(identifier)?.title)
  }

  #retitle(identifier: string, title: string): void {
    this.#vend('update', identifier, { title })
  }

  #phrase(): string {
    return Array.from({ length: 2 + this.#random.below(4) }, () => this.#random.pick(words)).join(' ')
  }

  #vend(type: Change['type'], identifier: string, values?: Values): void {
    this.changes.push({ type, collection, identifier, ...(values === undefined ? {} : { values }) })
    if (type === 'delete') this.#tasks.delete(identifier)
    else this.#tasks.set(identifier, { ...this.#tasks.get(identifier), ...values })
  }
}

/** A list of 120 tasks, edited for an hour: some of it is tidying what was there, some is planning anew. */
function todoHour(random: SeededRandom): Trace {
  const editor = new Editor(random)
  for (let i = 0; i < 120; i++) editor.create()
  const present = editor.changes.splice(0)
  const old = editor.identifiers
  while (editor.changes.length < 600) {
    const one = random.pick(editor.identifiers)
    const newer = editor.identifiers.filter((identifier) => !old.includes(identifier))
    const what = random.next()
    if (what < 0.2) editor.create()
    else if (what < 0.35) editor.edit(one)
    // Done, not done after all, done.
    else if (what < 0.65) for (let clicks = random.pick([1, 1, 2, 3]); clicks > 0; clicks--) editor.toggle(one)
    else if (what < 0.82) for (let tries = random.pick([1, 1, 2, 3]); tries > 0; tries--) editor.label(one)
    else if (what < 0.92) editor.remove(one)
    else if (newer.length > 0) editor.remove(random.pick(newer))
  }
  return { name: 'a to-do list, an hour offline', present, changes: editor.changes }
}

function typedTitle(random: SeededRandom): Trace {
  const editor = new Editor(random)
  const identifier = editor.create('')
  editor.type(identifier, 'Ask Anna whether the train to Lyon is booked yet, and when')
  return { name: 'a title, letter by letter', present: [], changes: editor.changes }
}

function createThenDelete(random: SeededRandom): Trace {
  const editor = new Editor(random)
  const made = Array.from({ length: 200 }, () => {
    const identifier = editor.create()
    if (random.chance(0.2)) editor.toggle(identifier)
    if (random.chance(0.1)) editor.edit(identifier)
    return identifier
  })
  for (const identifier of random.shuffle(made)) editor.remove(identifier)
  return { name: '200 tasks made and removed again', present: [], changes: editor.changes }
}
