/** The quiet remark that a reload would bring a newer build of the page. Nothing is reloaded for anybody. */
import { html, render } from 'lit-html'

/** Shows it, once, in the page's own place for it. */
export function tellOfNewVersion(): void {
  const element = document.getElementById('new-version')
  if (element === null) return
  render(
    html`<p class="new-version">A new version is here.
      <button class="quiet-button" type="button" @click=${() => location.reload()}>Reload</button></p>`,
    element,
  )
}
