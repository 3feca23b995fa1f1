/** A reel of the tape, drawn. */
import { html, type TemplateResult } from 'lit-html'

export function reel(className: string): TemplateResult {
  return html`<svg class=${className} viewBox="-50 -50 100 100" aria-hidden="true" focusable="false">
    <circle class="reel-wound" r="48" />
    <circle class="reel-groove" r="40" />
    <circle class="reel-groove" r="33" />
    <g class="reel-hub">
      <circle class="reel-plate" r="26" />
      <path class="reel-window" d="M0-20a20 20 0 0 1 15 7L8-7a11 11 0 0 0-8-4z M17-9A20 20 0 0 1 13 15L7 9a11 11 0 0 0 3-13z M7 19a20 20 0 0 1-20-5l6-6a11 11 0 0 0 11 3z M-17 10a20 20 0 0 1 3-24l6 7a11 11 0 0 0-2 12z" />
      <circle class="reel-axle" r="5" />
    </g>
  </svg>`
}
