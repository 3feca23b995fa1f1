/** What happened, in plain sentences: one for each guest, in the order in which they are first mentioned. */
import type { Happening, MemberChanges } from '../../models/index.ts'

export interface Sentence {
  /** Whom it is about. */
  readonly identifier: string
  readonly name: string
  /** What follows the name. */
  readonly text: string
}

/** More steps than these of one guest are counted, not told. */
const stepsMax = 5

export function tellStory(happenings: readonly Happening[]): readonly Sentence[] {
  return [...Map.groupBy(happenings, ({ identifier }) => identifier)].map(([identifier, steps]) => {
    const [first] = steps
    return { identifier, name: first?.was ?? first?.name ?? identifier, text: `${stepsText(steps)}.` }
  })
}

/** The shortest answer: who is new, who is gone. */
export function tellChanges({ joined, left }: MemberChanges): readonly Sentence[] {
  return [
    ...left.map(({ identifier, name }) => ({ identifier, name, text: 'is gone.' })),
    ...joined.map(({ identifier, name }) => ({ identifier, name, text: 'is new here.' })),
  ]
}

function stepsText(steps: readonly Happening[]): string {
  if (steps.length <= stepsMax) return listText(steps.map(stepText))
  const arrivals = steps.filter(({ type }) => type === 'joined' || type === 'returned').length
  const last = steps.findLast(({ type }) => type !== 'renamed')
  const end = last?.type === 'left' ? 'is gone' : 'is here'
  return `came and went, ${arrivals} times in all, and ${end} now`
}

function stepText({ type, name }: Happening): string {
  switch (type) {
    case 'joined':
      return 'came'
    case 'left':
      return 'left'
    case 'returned':
      return 'came back'
    case 'renamed':
      return `is called ${name} now`
  }
}

function listText(texts: readonly string[]): string {
  const end = texts.at(-1) ?? ''
  return texts.length < 2 ? end : `${texts.slice(0, -1).join(', ')} and ${end}`
}
