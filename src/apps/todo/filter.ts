/** Which tasks the list shows. The address keeps it, behind the #, so that links and the back button work. */
import type { Task } from './task.ts'

export const filters = [
  { hash: '#/', name: 'All', shows: () => true },
  { hash: '#/active', name: 'Active', shows: ({ values }: Task) => !values.completed },
  { hash: '#/completed', name: 'Completed', shows: ({ values }: Task) => values.completed },
] as const

export type Filter = (typeof filters)[number]

/** Anything unknown shows all. */
export function filterOf(hash: string): Filter {
  return filters.find((filter) => filter.hash === hash) ?? filters[0]
}
