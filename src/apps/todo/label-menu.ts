/** The colours to choose a label from: one popover for all rows, so that rows hold nothing but their task. */
import { html, render } from 'lit-html'
import { type ColorLabel, colorLabels } from './task.ts'

const gapPx = 6

export class LabelMenu {
  readonly #popover: HTMLElement
  #chosen: ColorLabel = 'none'
  #onChoose: ((label: ColorLabel) => void) | undefined

  constructor(popover: HTMLElement) {
    this.#popover = popover
    popover.addEventListener('keydown', (event) => this.#onKey(event))
  }

  open(button: HTMLElement, chosen: ColorLabel, onChoose: (label: ColorLabel) => void): void {
    this.#chosen = chosen
    this.#onChoose = onChoose
    this.#render()
    this.#popover.showPopover()
    this.#placeBy(button)
    this.#swatches()[colorLabels.indexOf(chosen)]?.focus()
  }

  #render(): void {
    render(
      colorLabels.map(
        (label) =>
          html`<button
            class="swatch"
            type="button"
            role="radio"
            data-label=${label}
            title=${label}
            aria-label=${label}
            aria-checked=${label === this.#chosen}
            tabindex=${label === this.#chosen ? 0 : -1}
            @click=${() => this.#choose(label)}
          ></button>`,
      ),
      this.#popover,
    )
  }

  #choose(label: ColorLabel): void {
    this.#popover.hidePopover()
    this.#onChoose?.(label)
  }

  #onKey(event: KeyboardEvent): void {
    const swatches = this.#swatches()
    const focused = document.activeElement
    const index = focused instanceof HTMLElement ? swatches.indexOf(focused) : -1
    const target = targetIndex(event.key, index, swatches.length)
    if (target === undefined) return
    event.preventDefault()
    swatches[target]?.focus()
  }

  /** Below the button where there is room, above it otherwise, and never outside the window. */
  #placeBy(button: HTMLElement): void {
    const anchor = button.getBoundingClientRect()
    const { width, height } = this.#popover.getBoundingClientRect()
    const { clientWidth, clientHeight } = document.documentElement
    const below = anchor.bottom + gapPx
    const top = below + height <= clientHeight ? below : anchor.top - gapPx - height
    const left = Math.min(Math.max(gapPx, anchor.right - width), clientWidth - width - gapPx)
    this.#popover.style.top = `${Math.max(gapPx, top)}px`
    this.#popover.style.left = `${left}px`
  }

  #swatches(): readonly HTMLElement[] {
    return [...this.#popover.querySelectorAll<HTMLElement>('.swatch')]
  }
}

function targetIndex(key: string, index: number, count: number): number | undefined {
  switch (key) {
    case 'ArrowRight':
    case 'ArrowDown':
      return (index + 1) % count
    case 'ArrowLeft':
    case 'ArrowUp':
      return (index - 1 + count) % count
    case 'Home':
      return 0
    case 'End':
      return count - 1
    default:
      return undefined
  }
}
