/** The remarks of this window: how many are shown, which ones a listener was told of, and what becomes of each. */
import type { Announcer } from './announcer.ts'
import type { Side } from './remark.ts'
import { noRemarks, type PlacedRemark, placeRemarks, type RemarkPlaces } from './remark-places.ts'
import type { RemarkActions } from './remark-view.ts'
import type { Task } from './task.ts'
import type { TodoList } from './todo-list.ts'

/** A few can be read; the next come up as these are dealt with. */
const shownAtFirst = 3
const shownMore = 20

export interface RemarksParts {
  readonly list: TodoList
  readonly announcer: Announcer
  /** What is to be shown has changed. */
  readonly onChange: () => void
  /** A remark is gone that had the focus. */
  readonly onFocusLost: (index: number, identifier: string) => void
}

export class Remarks {
  readonly actions: RemarkActions
  readonly #parts: RemarksParts
  readonly #told = new WeakSet<object>()
  #shownMax = shownAtFirst
  #places = noRemarks

  constructor(parts: RemarksParts) {
    this.#parts = parts
    this.actions = {
      decide: (placed, side) => this.#settle(placed, () => decide(placed, side)),
      dismiss: (placed) => this.#settle(placed, () => placed.conflict.dismiss()),
      showMore: () => this.#show(this.#shownMax + shownMore),
      dismissAll: () => this.#dismissAll(),
    }
  }

  /** As they stand among these rows. Those that are new are told to whoever listens. */
  place(rows: readonly Task[]): RemarkPlaces {
    const { list, announcer } = this.#parts
    this.#places = placeRemarks({ conflicts: list.conflicts, taskOf: list.task, rows, shownMax: this.#shownMax })
    const { all } = this.#places
    if (all.length === 0) this.#shownMax = shownAtFirst
    const fresh = all.filter(({ conflict }) => !this.#told.has(conflict))
    for (const { conflict } of fresh) this.#told.add(conflict)
    const [first] = fresh
    if (fresh.length > 1) announcer.say(`${fresh.length} changes of yours met changes made elsewhere at the same time.`)
    else if (first !== undefined) announcer.say(`${first.remark.title ?? 'A task'}: ${first.remark.text}`)
    return this.#places
  }

  #settle({ conflict }: PlacedRemark, settle: () => void): void {
    const index = remarkElements().findIndex((element) => element.contains(document.activeElement))
    settle()
    this.#parts.onChange()
    if (index >= 0) this.#parts.onFocusLost(index, conflict.identifier)
  }

  #dismissAll(): void {
    for (const { conflict } of this.#places.all) conflict.dismiss()
    this.#parts.onChange()
    this.#parts.onFocusLost(0, '')
  }

  #show(count: number): void {
    this.#shownMax = count
    this.#parts.onChange()
  }
}

/** The remarks on the page, from top to bottom. */
export function remarkElements(): readonly HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>('.remark')]
}

function decide({ conflict }: PlacedRemark, side: Side): void {
  if (side === 'mine') conflict.keepMine()
  else conflict.keepTheirs()
}
