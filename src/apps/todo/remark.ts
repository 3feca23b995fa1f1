/**
 * A conflict in plain words: what was done here and what elsewhere, which of the two stands, and what can be made of it.
 * It decides nothing and knows no markup.
 */
import type { Conflict } from '../../models/index.ts'
import type { Overwrite } from './overwrites.ts'
import { type ColorLabel, decodeTask } from './task.ts'
import { capitalize, enumerate, quote } from './wording.ts'

export type Side = 'mine' | 'theirs'

export interface Remark {
  /** The task's title, in quotation marks; undefined when nobody knows it. */
  readonly title: string | undefined
  readonly text: string
  readonly choices: readonly Choice[]
}

export interface Choice {
  readonly side: Side
  readonly name: string
  /** Whether the task is so now. */
  readonly stands: boolean
}

type Told = Pick<Conflict, 'fields' | 'mine' | 'theirs' | 'winner' | 'before'>

/** What is worth words of what can be written. Where a task stands in the list is not: it can be seen, and moved again. */
const silentFields: readonly string[] = ['position']

/** Undefined when it is not worth a remark. `shown`: the title that the task has now, if it is there. */
export function remarkOf(conflict: Told, shown: string | undefined): Remark | undefined {
  const { mine, theirs, winner, before, fields } = conflict
  const all = Object.keys(fields)
  const told = all.filter((field) => !silentFields.includes(field))
  // One that is about no field at all is about whether the task is there.
  if (all.length > 0 && told.length === 0) return undefined
  const title = shown ?? (before === undefined ? undefined : decodeTask(before).title)
  const choiceOf = (side: Side): Choice => ({ side, name: choiceName(conflict, side), stands: winner === side })
  return {
    title: title === undefined ? undefined : quote(title),
    text: `${capitalize(whatHappened(conflict, told))}. ${outcome(mine.type === 'delete' || theirs.type === 'delete', conflict)}`,
    choices: [choiceOf('theirs'), choiceOf('mine')],
  }
}

/** Of an edit that was saved over what others had called the task meanwhile. */
export function overwriteRemark({ overwritten }: Pick<Overwrite, 'overwritten'>, shown: string | undefined): Remark {
  return {
    title: shown === undefined ? undefined : quote(shown),
    text: `Renamed elsewhere to ${quote(overwritten)} while you edited it. Yours stands.`,
    choices: [
      { side: 'theirs', name: 'Keep theirs', stands: false },
      { side: 'mine', name: 'Keep mine', stands: true },
    ],
  }
}

function whatHappened(conflict: Told, told: readonly string[]): string {
  const { mine, theirs } = conflict
  const by = theirs.client === undefined ? 'by a script' : 'elsewhere'
  if (theirs.type === 'delete') return `deleted ${by} while you ${myDeed(conflict, told)}`
  if (mine.type === 'delete') return `${theirDeed(conflict, told, by)} while you deleted it`
  return told.map((field) => `${theirWrite(conflict, field, by)} while you ${myWrite(conflict, field)}`).join('; ')
}

function outcome(isAboutDeletion: boolean, { mine, theirs, winner }: Told): string {
  if (!isAboutDeletion) {
    return winner === 'mine' ? 'Yours came later and stands; theirs is lost.' : 'Theirs came later and stands; yours is lost.'
  }
  const isGone = (winner === 'mine' ? mine : theirs).type === 'delete'
  if (!isGone) return 'It is here.'
  return winner === 'mine' ? 'It stays deleted, and their change is lost.' : 'It is gone, and your change with it.'
}

function choiceName({ mine, theirs, winner }: Told, side: Side): string {
  const [own, other] = side === 'mine' ? [mine, theirs] : [theirs, mine]
  const stands = winner === side
  if (own.type === 'delete') return stands ? 'Leave it deleted' : 'Delete it'
  if (other.type === 'delete') return stands ? 'Keep it' : 'Bring it back'
  return side === 'mine' ? 'Keep mine' : 'Keep theirs'
}

function myDeed(conflict: Told, told: readonly string[]): string {
  if (conflict.mine.type === 'insert') return 'brought it back'
  return told.length === 0 ? 'changed it' : enumerate(told.map((field) => myWrite(conflict, field)))
}

function theirDeed(conflict: Told, told: readonly string[], by: string): string {
  if (conflict.theirs.type === 'insert') return `brought back ${by}`
  return told.length === 0 ? `changed ${by}` : enumerate(told.map((field) => theirWrite(conflict, field, by)))
}

/** “you …” */
function myWrite({ fields }: Told, field: string): string {
  const value = fields[field]?.mine
  if (value === undefined) return 'wrote it anew without that'
  const { title, completed, label } = decodeTask({ [field]: value })
  switch (field) {
    case 'title':
      return `renamed it to ${quote(title)}`
    case 'completed':
      return completed ? 'ticked it' : 'unticked it'
    case 'label':
      return label === 'none' ? 'took its colour away' : `coloured it ${label}`
    default:
      return `changed its ${quote(field)}, too`
  }
}

/** “… elsewhere”, of the task. */
function theirWrite({ fields }: Told, field: string, by: string): string {
  const value = fields[field]?.theirs
  if (value === undefined) return `written anew ${by}`
  const { title, completed, label } = decodeTask({ [field]: value })
  switch (field) {
    case 'title':
      return `renamed ${by} to ${quote(title)}`
    case 'completed':
      return `${completed ? 'ticked' : 'unticked'} ${by}`
    case 'label':
      return colouring(label, by)
    default:
      return `${quote(field)} changed ${by}`
  }
}

function colouring(label: ColorLabel, by: string): string {
  return label === 'none' ? `its colour taken away ${by}` : `coloured ${label} ${by}`
}
