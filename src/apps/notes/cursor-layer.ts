/**
 * The cursors of others over a textarea. A textarea does not say where a letter stands, so a copy of its text, set in the
 * same way and invisible, is measured instead.
 */
import type { Writer } from './writers.ts'

const colours = 6

export class CursorLayer {
  readonly #textarea: HTMLTextAreaElement
  readonly #layer: HTMLElement
  readonly #copy = document.createElement('div')
  readonly #marks = document.createElement('div')

  constructor(textarea: HTMLTextAreaElement, layer: HTMLElement) {
    this.#textarea = textarea
    this.#layer = layer
    this.#copy.className = 'cursors-copy'
    this.#marks.className = 'cursors-marks'
    layer.replaceChildren(this.#copy, this.#marks)
    textarea.addEventListener('scroll', () => this.#scroll())
  }

  show(writers: readonly Writer[]): void {
    if (writers.length === 0) return this.#marks.replaceChildren()
    // The last line break has a line of its own only when something follows it.
    this.#copy.textContent = `${this.#textarea.value}\u200b`
    this.#marks.replaceChildren(...writers.flatMap((writer) => this.#marksOf(writer)))
    this.#scroll()
  }

  #marksOf({ client, name, range }: Writer): readonly HTMLElement[] {
    const colour = String(colourOf(client))
    const origin = this.#copy.getBoundingClientRect()
    const selected = range.from === range.to ? [] : [...this.#rangeOf(range.from, range.to).getClientRects()].slice(0, 50)
    const marks = selected.map((rect) =>
      this.#mark('cursor-selection', colour, {
        left: rect.left - origin.left,
        top: rect.top - origin.top,
        width: rect.width,
        height: rect.height,
      }),
    )
    const [at] = this.#rangeOf(range.to, range.to).getClientRects()
    if (at === undefined) return marks
    const cursor = this.#mark('cursor', colour, { left: at.left - origin.left, top: at.top - origin.top, height: at.height })
    const label = document.createElement('span')
    label.className = 'cursor-name'
    label.textContent = name
    cursor.append(label)
    return [...marks, cursor]
  }

  #rangeOf(from: number, to: number): Range {
    const node = this.#copy.firstChild as globalThis.Text
    const range = document.createRange()
    range.setStart(node, Math.min(from, node.length))
    // One without an extent has no rectangle at the start of a line.
    range.setEnd(node, Math.min(from === to ? to + 1 : to, node.length))
    return range
  }

  #mark(className: string, colour: string, place: Readonly<Record<string, number>>): HTMLElement {
    const mark = document.createElement('div')
    mark.className = className
    mark.dataset.colour = colour
    for (const [property, pixels] of Object.entries(place)) mark.style.setProperty(property, `${pixels}px`)
    return mark
  }

  #scroll(): void {
    this.#layer.style.setProperty('--scrolled', `${-this.#textarea.scrollTop}px`)
  }
}

function colourOf(client: string): number {
  let sum = 0
  for (let i = 0; i < client.length; i++) sum = (sum * 31 + client.charCodeAt(i)) >>> 0
  return sum % colours
}
