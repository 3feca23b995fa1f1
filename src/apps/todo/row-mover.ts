/** Moves tasks among the rows in sight, by pointer or key, and says where they went. */
import type { Announcer } from './announcer.ts'
import { moveKey, placeAmong } from './drop-place.ts'
import { type LiftedRow, RowDrag } from './row-drag.ts'
import type { Task } from './task.ts'
import type { TodoList } from './todo-list.ts'
import { quote } from './wording.ts'

export interface RowMoverParts {
  readonly list: TodoList
  readonly section: HTMLElement
  readonly announcer: Announcer
  /** The rows in sight, from top to bottom. */
  readonly rows: () => readonly HTMLElement[]
  /** To be shown at once. */
  readonly render: () => void
  readonly renderSoon: () => void
}

/** In hand, or out of the way of what is. */
export type RowShift = 'lifted' | 'up' | 'down'

export class RowMover {
  readonly #parts: RowMoverParts
  readonly #drag: RowDrag

  constructor(parts: RowMoverParts) {
    const { section, rows, renderSoon, announcer } = parts
    this.#parts = parts
    this.#drag = new RowDrag(section, {
      rows,
      onChange: renderSoon,
      onDrop: (identifier, index) => this.#move(identifier, index),
      onCancel: () => announcer.say('Not moved.'),
    })
  }

  /** What a drag is doing to the row at `index`. */
  dragOf({ identifier }: Task, index: number): RowShift | undefined {
    const lifted = this.#drag.lifted
    if (lifted === undefined) return undefined
    return lifted.identifier === identifier ? 'lifted' : shiftOf(lifted, index)
  }

  grab(event: PointerEvent, { identifier }: Task): void {
    this.#drag.begin(event, identifier)
  }

  onKey(event: KeyboardEvent, { identifier }: Task): void {
    const isOnHandle = event.target instanceof Element && event.target.matches('.handle')
    const target = moveKey(event, isOnHandle)
    const identifiers = this.#identifiers()
    const from = identifiers.indexOf(identifier)
    if (target === undefined || from < 0) return
    event.preventDefault()
    this.#move(identifier, target(from, identifiers.length))
    document.activeElement?.scrollIntoView({ block: 'nearest' })
  }

  /** After each rendering: the row in hand stays under the pointer. */
  didRender(): void {
    this.#drag.follow()
  }

  /** To `index` among the others in sight. */
  #move(identifier: string, index: number): void {
    const { list, announcer, render } = this.#parts
    const identifiers = this.#identifiers()
    const others = identifiers.filter((each) => each !== identifier)
    const place = placeAmong(others, identifiers.indexOf(identifier), index)
    const hasMoved = place !== undefined && list.move(identifier, place)
    render()
    const now = this.#identifiers()
    const title = quote(list.task(identifier)?.values.title ?? '')
    announcer.say(`${title} ${hasMoved ? 'moved to' : 'stays at'} position ${now.indexOf(identifier) + 1} of ${now.length}.`)
  }

  #identifiers(): readonly string[] {
    return this.#parts.rows().map((row) => row.dataset.id ?? '')
  }
}

/** The rows between where one was lifted and where it would drop make room. */
function shiftOf({ from, to }: LiftedRow, index: number): RowShift | undefined {
  if (index > from && index <= to) return 'up'
  return index < from && index >= to ? 'down' : undefined
}
