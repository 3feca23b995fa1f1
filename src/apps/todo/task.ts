/** A task of the to-do list, and how it is read from values that anybody may have written. */
import type { Json, Values } from '../../browser/index.ts'

export const colorLabels = ['none', 'red', 'orange', 'yellow', 'green', 'turquoise', 'blue', 'purple', 'pink'] as const
export type ColorLabel = (typeof colorLabels)[number]

export interface Task {
  /** Made by the client that made the task. */
  readonly identifier: string
  readonly completed: boolean
  readonly title: string
  readonly label: ColorLabel
}

/** What is missing or of another type becomes the nearest harmless thing; nothing here ever throws. */
export function decodeTask(identifier: string, { completed, title, label }: Values): Task {
  return { identifier, completed: completed === true, title: decodeTitle(title), label: decodeLabel(label) }
}

export function decodeLabel(label: Json | undefined): ColorLabel {
  const name = typeof label === 'string' ? label.toLowerCase() : undefined
  return colorLabels.find((known) => known === name) ?? 'none'
}

function decodeTitle(title: Json | undefined): string {
  if (typeof title === 'string') return title
  return typeof title === 'number' || typeof title === 'boolean' ? String(title) : ''
}
