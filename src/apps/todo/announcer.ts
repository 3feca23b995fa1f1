/** Tells those who listen to the page what others see: politely, after what they hear just now. */

export class Announcer {
  readonly #element: HTMLElement

  /** `element` is a live region, empty and unseen. */
  constructor(element: HTMLElement) {
    this.#element = element
  }

  say(text: string): void {
    // The same words again are news only as another element.
    const line = document.createElement('p')
    line.textContent = text
    this.#element.replaceChildren(line)
  }
}
