/**
 * Texts in which several write at once, each of another project. What they put in are whole tokens, at the edges of others:
 * one that comes twice, or at a place that was not meant, shows.
 */
import type { Stream } from '../../src/client/index.ts'
import { Text } from '../../src/models/index.ts'
import type { ObjectFilter, TapeEvent } from '../../src/protocol/index.ts'
import type { SeededRandom } from '../support/seeded-random.ts'

export const textsCollection = 'texts'

/** What makes each text belong to its project. It is there as soon as something is put in, whatever it lacks. */
export const textDrafts = (projects: readonly string[]) =>
  projects.map((project, index) => ({
    counter: index + 1,
    seen: -1,
    type: 'update' as const,
    collection: textsCollection,
    identifier: project,
    values: { project },
  }))

export class SharedTexts {
  readonly #texts: ReadonlyMap<string, Text>

  constructor(stream: Stream, projects: readonly string[]) {
    this.#texts = new Map(projects.map((project) => [project, textOf(project)]))
    for (const text of this.#texts.values()) stream.attach(text)
  }

  /** Puts a token in one that is wanted and can be edited, if there is any. */
  type(token: string, wanted: readonly ObjectFilter[], random: SeededRandom): boolean {
    const ready = [...this.#texts].filter(([project, { isReady }]) => isReady && wanted.some((filter) => isOf(filter, project)))
    if (ready.length === 0) return false
    const [, text] = random.pick(ready)
    const edges = [0, ...Array.from(text.value.matchAll(/>/g), ({ index }) => index + 1)]
    text.splice(random.pick(edges), 0, `<${token}>`)
    return true
  }

  /** What is wrong with what shows of the wanted ones, where all of these is on the tape. */
  *wrongs(events: readonly TapeEvent[], wanted: readonly ObjectFilter[]): Iterable<string> {
    for (const [project, { value }] of this.#texts) {
      // Storage may have been set back to before it was of its project.
      const isThere = events.some(({ collection, values }) => collection === textsCollection && values?.project === project)
      if (!isThere || !wanted.some((filter) => isOf(filter, project))) continue
      const expected = textOf(project)
      expected.apply(events, [], { client: 'nobody', holes: [] })
      const tokens = value.match(/<\w+>/g) ?? []
      if (value !== expected.value) yield `The text ${project} shows ${value} instead of ${expected.value}.`
      if (tokens.join('') !== value) yield `Something was put into the middle of something else: ${value}`
      if (new Set(tokens).size < tokens.length) yield `Something was put in twice: ${value}`
    }
  }
}

function textOf(project: string): Text {
  return new Text(textsCollection, { identifier: project, field: 'body' })
}

function isOf({ collection = [textsCollection], project = [] }: ObjectFilter, own: string): boolean {
  return collection.includes(textsCollection) && (project.length === 0 || project.includes(own))
}
