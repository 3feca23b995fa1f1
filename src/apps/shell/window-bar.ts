/** What one can do with the window itself: open another one on the same stream, share its link, pull its plug. */
import { html, render } from 'lit-html'

export interface WindowBarState {
  readonly streamName: string
  readonly address: string
  readonly isPlugged: boolean
  readonly onPlug: () => void
}

const copiedForMs = 2_500

export class WindowBar {
  readonly #element: HTMLElement
  #state: WindowBarState | undefined
  #copying: 'idle' | 'copied' | 'failed' = 'idle'

  constructor(element: HTMLElement) {
    this.#element = element
  }

  show(state: WindowBarState): void {
    this.#state = state
    this.#render()
  }

  #render(): void {
    if (this.#state === undefined) return
    const { streamName, address, isPlugged, onPlug } = this.#state
    render(
      html`<p class="window-bar-stream">Stream <code>${streamName}</code></p>
        <a class="quiet-button" href=${address} target="_blank" rel="noopener">Open a second window</a>
        <button class="quiet-button" type="button" @click=${() => void this.#copy(address)}>${this.#copyText()}</button>
        <button class="quiet-button" type="button" data-plugged=${isPlugged} @click=${onPlug}>
          <span class="plug" aria-hidden="true"></span>${isPlugged ? 'Unplug this window' : 'Plug it in again'}
        </button>`,
      this.#element,
    )
  }

  #copyText(): string {
    switch (this.#copying) {
      case 'idle':
        return 'Copy the link'
      case 'copied':
        return 'Copied'
      case 'failed':
        return 'Take it from the address bar'
    }
  }

  async #copy(address: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(address)
      this.#copying = 'copied'
    } catch {
      // Without permission the address bar still has it: the page puts it there.
      history.replaceState(history.state, '', address + location.hash)
      this.#copying = 'failed'
    }
    this.#render()
    setTimeout(() => {
      this.#copying = 'idle'
      this.#render()
    }, copiedForMs)
  }
}
