/** A task of the to-do list, and how it is read from values that anybody may have written. */
import { boolean, fallback, type InferOutput, number, object, parse, picklist, pipe, string, toLowerCase, transform, union } from 'valibot'
import type { Values } from '../../browser/index.ts'
import type { ShownRecord } from '../../models/index.ts'

export const colorLabels = ['none', 'red', 'orange', 'yellow', 'green', 'turquoise', 'blue', 'purple', 'pink'] as const
export type ColorLabel = (typeof colorLabels)[number]

/** What is missing or of another type becomes the nearest harmless thing: nobody can hide a task by a bad value. */
export const taskSchema = object({
  completed: fallback(boolean(), false),
  title: fallback(pipe(union([string(), number(), boolean()]), transform(String)), ''),
  label: fallback(pipe(string(), toLowerCase(), picklist(colorLabels)), 'none'),
})

export type TaskValues = InferOutput<typeof taskSchema>

/** As the collection shows it: the same value as long as nothing of it changes. */
export type Task = ShownRecord<TaskValues>

/** Never throws: the schema has an answer to everything. */
export function decodeTask(values: Values): TaskValues {
  return parse(taskSchema, values)
}
