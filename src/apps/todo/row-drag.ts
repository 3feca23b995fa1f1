/**
 * A row that is dragged by its handle, with mouse, pen or finger: it follows the pointer, and nothing is written before it
 * drops. What others do to the list meanwhile is taken as it comes. It owns the gesture; the list is whoever's it is.
 *
 *   rest ── press on a handle ──► lifted ── release ──► dropped ─► rest
 *                                    └── Escape, or the row or the pointer is gone ──► rest
 */
import { dropIndex, scrollStep } from './drop-place.ts'

export interface RowDragHooks {
  /** The rows in sight, from top to bottom. */
  readonly rows: () => readonly HTMLElement[]
  /** What is lifted, or where it would drop, is another: to be shown. */
  readonly onChange: () => void
  /** `index` is among the others. */
  readonly onDrop: (identifier: string, index: number) => void
  readonly onCancel: (identifier: string) => void
}

export interface LiftedRow {
  readonly identifier: string
  /** Its place among the rows, and the one among the others at which it would drop. */
  readonly from: number
  readonly to: number
}

interface Gesture {
  readonly pointerId: number
  readonly identifier: string
  /** Where in the row the pointer holds it. */
  readonly grabY: number
  pointerY: number
}

export class RowDrag {
  /** It stays while rows come and go, so the pointer is captured here. */
  readonly #section: HTMLElement
  readonly #hooks: RowDragHooks
  #gesture: Gesture | undefined
  #lifted: LiftedRow | undefined

  constructor(section: HTMLElement, hooks: RowDragHooks) {
    this.#section = section
    this.#hooks = hooks
    section.addEventListener('pointermove', (event) => this.#onMove(event))
    section.addEventListener('pointerup', (event) => this.#onUp(event))
    section.addEventListener('pointercancel', (event) => this.#onLost(event))
    section.addEventListener('lostpointercapture', (event) => this.#onLost(event))
    document.addEventListener('keydown', (event) => this.#onKey(event), { capture: true })
    addEventListener('scroll', () => this.follow(), { passive: true })
  }

  get lifted(): LiftedRow | undefined {
    return this.#lifted
  }

  /** A press on a row's handle. */
  begin(event: PointerEvent, identifier: string): void {
    const row = this.#rowOf(identifier)
    if (this.#gesture !== undefined || row === undefined || !event.isPrimary || event.button !== 0) return
    this.#section.setPointerCapture(event.pointerId)
    const grabY = event.clientY - row.getBoundingClientRect().top
    this.#gesture = { pointerId: event.pointerId, identifier, grabY, pointerY: event.clientY }
    this.follow()
    requestAnimationFrame(() => this.#scroll())
  }

  /** Puts the row under the pointer, whatever has become of the list and the window. */
  follow(): void {
    const gesture = this.#gesture
    if (gesture === undefined) return
    const rows = this.#hooks.rows()
    const row = this.#rowOf(gesture.identifier)
    if (row === undefined) return this.#cancel()
    // Where rows are without what the drag does to them.
    const top = this.#section.getBoundingClientRect().top + this.#section.clientTop
    const middles = rows.filter((each) => each !== row).map(({ offsetTop, offsetHeight }) => top + offsetTop + offsetHeight / 2)
    this.#section.style.setProperty('--drag-shift', `${gesture.pointerY - gesture.grabY - top - row.offsetTop}px`)
    this.#section.style.setProperty('--drag-height', `${row.offsetHeight}px`)
    this.#lift({ identifier: gesture.identifier, from: rows.indexOf(row), to: dropIndex(middles, gesture.pointerY) })
  }

  #onMove({ pointerId, clientY }: PointerEvent): void {
    if (this.#gesture?.pointerId !== pointerId) return
    this.#gesture.pointerY = clientY
    this.follow()
  }

  #onUp({ pointerId }: PointerEvent): void {
    const lifted = this.#lifted
    if (this.#gesture?.pointerId !== pointerId || lifted === undefined) return
    this.#end()
    this.#hooks.onDrop(lifted.identifier, lifted.to)
  }

  #onLost({ pointerId }: PointerEvent): void {
    if (this.#gesture?.pointerId === pointerId) this.#cancel()
  }

  #onKey(event: KeyboardEvent): void {
    if (this.#gesture === undefined || event.key !== 'Escape') return
    event.preventDefault()
    event.stopPropagation()
    this.#cancel()
  }

  #cancel(): void {
    const identifier = this.#gesture?.identifier
    this.#end()
    if (identifier !== undefined) this.#hooks.onCancel(identifier)
  }

  #end(): void {
    const pointerId = this.#gesture?.pointerId
    this.#gesture = undefined
    if (pointerId !== undefined && this.#section.hasPointerCapture(pointerId)) this.#section.releasePointerCapture(pointerId)
    for (const property of ['--drag-shift', '--drag-height']) this.#section.style.removeProperty(property)
    this.#lift(undefined)
  }

  #lift(lifted: LiftedRow | undefined): void {
    const before = this.#lifted
    this.#lifted = lifted
    const isSame = before?.identifier === lifted?.identifier && before?.from === lifted?.from && before?.to === lifted?.to
    if (!isSame) this.#hooks.onChange()
  }

  /** Near the window's edge there is more of the list to come. */
  #scroll(): void {
    if (this.#gesture === undefined) return
    const step = scrollStep(this.#gesture.pointerY, document.documentElement.clientHeight)
    if (step !== 0) scrollBy({ top: step, behavior: 'instant' })
    requestAnimationFrame(() => this.#scroll())
  }

  #rowOf(identifier: string): HTMLElement | undefined {
    return this.#hooks.rows().find((row) => row.dataset.id === identifier)
  }
}
