/** What one can do with the window itself: open others beside it, share its link, work offline; and how things stand. */
import { html, nothing, render, type TemplateResult } from 'lit-html'
import { newDevice } from './device.ts'
import { addressOf } from './stream-name.ts'

export interface WindowBarState {
  readonly streamName: string
  readonly device: string | undefined
  readonly isPaused: boolean
  /** Whether there is a connection to be without. */
  readonly canPause: boolean
  /** How the window stands to the tape, in sentences. */
  readonly note: string
  readonly onPause: () => void
}

const copiedForMs = 2_500

export class WindowBar {
  readonly #element: HTMLElement
  #state: WindowBarState | undefined
  #copying: 'idle' | 'copied' | 'failed' = 'idle'
  /** The device that the next window opened from here plays. */
  #nextDevice = newDevice()

  constructor(element: HTMLElement) {
    this.#element = element
  }

  show(state: WindowBarState): void {
    this.#state = state
    this.#render()
  }

  #render(): void {
    if (this.#state === undefined) return
    const { streamName, device, note } = this.#state
    const page = new URL(location.href)
    render(
      html`<p class="window-bar-stream">Stream <code>${streamName}</code>${device === undefined ? nothing : html` on device <code>${device}</code>`}</p>
        ${this.#pauseSwitch(this.#state)}
        <a class="quiet-button" href=${addressOf(page, streamName, device)} target="_blank" rel="noopener">Open a second window</a>
        <a
          class="quiet-button"
          href=${addressOf(page, streamName, this.#nextDevice)}
          target="_blank"
          rel="noopener"
          @click=${this.#onDeviceOpened}
          @auxclick=${this.#onDeviceOpened}
        >Open as another device</a>
        <button class="quiet-button" type="button" @click=${() => void this.#copy(streamName, device)}>${this.#copyText()}</button>
        <p class="window-bar-note">${note}</p>`,
      this.#element,
    )
  }

  #pauseSwitch({ isPaused, canPause, onPause }: WindowBarState): TemplateResult {
    return html`<button class="quiet-button" type="button" role="switch" aria-checked=${isPaused} ?disabled=${!canPause} @click=${onPause}>
      <span class="switch" aria-hidden="true"></span>Work offline
    </button>`
  }

  /** The link has been followed: the next one leads to yet another device. */
  readonly #onDeviceOpened = (): void => {
    setTimeout(() => {
      this.#nextDevice = newDevice()
      this.#render()
    })
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

  /** The link is for others: they are other devices anyway. */
  async #copy(streamName: string, device: string | undefined): Promise<void> {
    const page = new URL(location.href)
    try {
      await navigator.clipboard.writeText(addressOf(page, streamName))
      this.#copying = 'copied'
    } catch {
      // Without permission the address bar still has it: the page puts it there.
      history.replaceState(history.state, '', addressOf(page, streamName, device) + location.hash)
      this.#copying = 'failed'
    }
    this.#render()
    setTimeout(() => {
      this.#copying = 'idle'
      this.#render()
    }, copiedForMs)
  }
}
