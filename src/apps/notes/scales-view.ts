/** What the deltas weigh against copies of the text, as two bars and a sentence. */
import { html, render } from 'lit-html'
import type { Scales } from './scales.ts'

export class ScalesView {
  readonly #element: HTMLElement

  constructor(element: HTMLElement) {
    this.#element = element
  }

  show({ events, deltaBytes, copyBytes }: Pick<Scales, 'events' | 'deltaBytes' | 'copyBytes'>): void {
    if (events === 0) {
      const hint = 'Write something: here you see what was sent, and what copying the text each time would have taken.'
      render(html`<p class="scales-sentence">${hint}</p>`, this.#element)
      return
    }
    render(
      html`<dl class="scales-list">
          <dt>sent as deltas</dt>
          <dd><meter class="scales-meter" min="0" max=${Math.max(deltaBytes, copyBytes)} value=${deltaBytes} aria-label="Sent as deltas"></meter> <b id="delta-bytes">${amount(deltaBytes)}</b></dd>
          <dt>copying the text</dt>
          <dd><meter class="scales-meter" min="0" max=${Math.max(deltaBytes, copyBytes)} value=${copyBytes} aria-label="Copying the text"></meter> <b id="copy-bytes">${amount(copyBytes)}</b></dd>
        </dl>
        <p class="scales-sentence">${verdict({ events, deltaBytes, copyBytes })}</p>`,
      this.#element,
    )
  }
}

function verdict({ events, deltaBytes, copyBytes }: Pick<Scales, 'events' | 'deltaBytes' | 'copyBytes'>): string {
  const changes = events === 1 ? 'One change' : `${events.toLocaleString('en')} changes`
  const times = copyBytes / deltaBytes
  if (times < 1.05) return `${changes} so far: with so short a text, copying is no dearer.`
  return `${changes} so far: copying would have taken ${times < 10 ? times.toFixed(1) : Math.round(times).toLocaleString('en')} times as much.`
}

function amount(bytes: number): string {
  return bytes < 10_000 ? `${bytes.toLocaleString('en')} B` : `${Math.round(bytes / 1000).toLocaleString('en')} kB`
}
