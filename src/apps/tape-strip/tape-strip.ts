/**
 * The end of the tape, drawn: a cell per seq, newest at the right, holes as gaps, and beyond the end the drafts that
 * wait. One cell is selected (arrow keys, or a pointer over it) and spelled out below. It draws at most once a frame.
 */
import { html, nothing, render, type TemplateResult } from 'lit-html'
import { repeat } from 'lit-html/directives/repeat.js'
import { causalityOf } from './causality.ts'
import { cellDetails } from './cell-details.ts'
import { cellView } from './cell-view.ts'
import { type Cell, type Cells, cellsOf, type TapeView } from './cells.ts'
import { legend } from './legend.ts'
import { animateChanges } from './motion.ts'
import { reel } from './reel.ts'
import { relationOf } from './relations.ts'
import type { TapeLog } from './tape-log.ts'

/** Nearer to the end than this, one is looking at the end, and goes on doing so when the tape grows. */
const atEndPx = 24

export class TapeStrip {
  readonly #element: HTMLElement
  readonly #log: TapeLog
  #view: TapeView = { latestSeq: -1, holes: [], client: '', outbox: [] }
  #cells: Cells = { earlier: 0, cells: [], later: 0 }
  #selectedKey: string | undefined
  #hoveredKey: string | undefined
  #frame: number | undefined
  #hasDrawn = false

  constructor(element: HTMLElement, log: TapeLog) {
    this.#element = element
    this.#log = log
    log.onChange = () => this.#draw()
  }

  show(view: TapeView): void {
    this.#view = view
    this.#draw()
  }

  #draw(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined
      this.#drawNow()
    })
  }

  #drawNow(): void {
    const before = this.#cells
    this.#cells = cellsOf(this.#view, this.#log)
    const scroller = this.#element.querySelector('.tape-scroller')
    const isAtEnd = scroller === null || scroller.scrollLeft + scroller.clientWidth >= scroller.scrollWidth - atEndPx
    const hadFocus = scroller?.contains(document.activeElement) ?? false
    this.#render()
    const drawn = this.#element.querySelector('.tape-scroller')
    if (drawn === null) return
    // A focused cell that has left the window hands its focus to the one that took its place.
    if (hadFocus && !drawn.contains(document.activeElement)) this.#focusSelected()
    if (isAtEnd && !hadFocus) drawn.scrollLeft = drawn.scrollWidth
    if (this.#hasDrawn) animateChanges(this.#element, before.cells, this.#cells.cells)
    this.#hasDrawn = true
  }

  #render(): void {
    const { cells } = this.#cells
    const current = this.#current()
    const lookedAt = this.#lookedAt()
    render(
      html`<div class="tape-deck">
          ${reel('tape-reel')}
          <div class="tape-scroller">
            <div
              class="tape-cells"
              role="listbox"
              aria-label="The end of the tape"
              aria-orientation="horizontal"
              @keydown=${this.#onKey}
            >
              ${cells.length === 0 ? html`<div class="cell" data-type="blank" role="option" aria-selected="false" tabindex="0" aria-label="The tape is blank"></div>` : nothing}
              ${repeat(
                cells,
                ({ key }) => key,
                (cell) => this.#cell(cell, cell === current, lookedAt),
              )}
            </div>
          </div>
          ${reel('tape-reel tape-reel-blank')}
        </div>
        <div class="tape-notes">
          ${legend}
          <p class="tape-extent">${extentText(this.#view.latestSeq, this.#cells)}</p>
        </div>
        <div class="tape-details">${this.#details(lookedAt)}</div>`,
      this.#element,
    )
  }

  #cell(cell: Cell, isCurrent: boolean, lookedAt: Cell | undefined): TemplateResult {
    const { key } = cell
    return cellView({
      cell,
      relation: lookedAt === undefined ? undefined : relationOf(lookedAt, cell, this.#view.client),
      lookedAt,
      isCurrent,
      isSelected: key === this.#selectedKey,
      onSelect: () => this.#select(key),
      onHover: () => this.#hover(key),
    })
  }

  #details(cell: Cell | undefined): TemplateResult {
    return cell === undefined
      ? html`<p class="details-hint">Point at a cell, or step through them with the arrow keys.</p>`
      : cellDetails(cell, causalityOf(cell, this.#cells, this.#view.client))
  }

  /** The cell that is spelled out, to which the others are shown to stand. */
  #lookedAt(): Cell | undefined {
    return this.#find(this.#hoveredKey) ?? this.#find(this.#selectedKey)
  }

  /** The cell that Tab reaches: the selected one, or the newest. */
  #current(): Cell | undefined {
    return this.#find(this.#selectedKey) ?? this.#cells.cells.at(-1)
  }

  #find(key: string | undefined): Cell | undefined {
    return key === undefined ? undefined : this.#cells.cells.find((cell) => cell.key === key)
  }

  #select(key: string): void {
    this.#hoveredKey = undefined
    this.#selectedKey = key
    this.#render()
  }

  /** What was pointed at last stays spelled out: a panel that shrank when the pointer leaves could move the page under it. */
  #hover(key: string): void {
    this.#hoveredKey = key
    this.#render()
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const { cells } = this.#cells
    const current = this.#current()
    const index = current === undefined ? -1 : cells.indexOf(current)
    const target = targetIndex(event.key, index, cells.length - 1)
    const cell = target === undefined ? undefined : cells[target]
    if (cell === undefined) return
    event.preventDefault()
    this.#hoveredKey = undefined
    this.#selectedKey = cell.key
    this.#render()
    this.#focusSelected()
  }

  #focusSelected(): void {
    const cell = this.#element.querySelector<HTMLElement>('.cell[tabindex="0"]')
    cell?.focus({ preventScroll: true })
    cell?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }
}

function targetIndex(key: string, index: number, last: number): number | undefined {
  switch (key) {
    case 'ArrowLeft':
      return Math.max(0, index - 1)
    case 'ArrowRight':
      return Math.min(last, index + 1)
    case 'Home':
      return 0
    case 'End':
      return last
    default:
      return undefined
  }
}

function extentText(latestSeq: number, { earlier, later }: Cells): string {
  const end = latestSeq < 0 ? 'The tape is blank.' : `latestSeq ${latestSeq.toLocaleString('en')}`
  const before = earlier > 0 ? `, ${earlier.toLocaleString('en')} earlier ones not drawn` : ''
  return `${end}${before}${later > 0 ? `, ${later} more pending` : ''}`
}
