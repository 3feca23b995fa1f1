/** Where the remarks on conflicts and overwrites stand: beside their tasks, or above the list, and never more than can be read. */
import type { Conflict } from '../../models/index.ts'
import type { Overwrite } from './overwrites.ts'
import { overwriteRemark, type Remark, remarkOf } from './remark.ts'
import type { Task } from './task.ts'

export interface PlacedRemark {
  readonly conflict: Conflict | Overwrite
  readonly remark: Remark
}

export interface RemarkPlaces {
  /** By the task beside which they stand. */
  readonly beside: ReadonlyMap<string, readonly PlacedRemark[]>
  /** On tasks that are gone, or that the filter keeps out of sight. */
  readonly above: readonly PlacedRemark[]
  /** All there are, and how many of them stand nowhere yet. */
  readonly all: readonly PlacedRemark[]
  readonly more: number
}

export interface RemarkSources {
  readonly conflicts: readonly (Conflict | Overwrite)[]
  readonly taskOf: (identifier: string) => Task | undefined
  /** The tasks in sight. */
  readonly rows: readonly Task[]
  readonly shownMax: number
}

export const noRemarks: RemarkPlaces = { beside: new Map(), above: [], all: [], more: 0 }

export function placeRemarks({ conflicts, taskOf, rows, shownMax }: RemarkSources): RemarkPlaces {
  if (conflicts.length === 0) return noRemarks
  const all = conflicts.flatMap((conflict) => {
    const title = taskOf(conflict.identifier)?.values.title
    const remark = 'overwritten' in conflict ? overwriteRemark(conflict, title) : remarkOf(conflict, title)
    return remark === undefined ? [] : [{ conflict, remark }]
  })
  const inSight = new Set(rows.map(({ identifier }) => identifier))
  const shown = all.slice(0, shownMax)
  const isBeside = ({ conflict }: PlacedRemark) => inSight.has(conflict.identifier)
  return {
    beside: Map.groupBy(shown.filter(isBeside), ({ conflict }) => conflict.identifier),
    above: shown.filter((each) => !isBeside(each)),
    all,
    more: all.length - shown.length,
  }
}
