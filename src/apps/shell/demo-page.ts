/** What all demo pages have around their model: badge, problem, window bar and tape. Ties them to one stream. */
import { html, nothing, render } from 'lit-html'
import type { ModelReconciler } from '../../browser/index.ts'
import { TapeLog } from '../tape-strip/tape-log.ts'
import { TapeStrip } from '../tape-strip/tape-strip.ts'
import { DemoStream } from './demo-stream.ts'
import { StatusBadge } from './status-badge.ts'
import { problemOf, summarize } from './status-summary.ts'
import { addressOf, isDemoName, readStreamName } from './stream-name.ts'
import { WindowBar } from './window-bar.ts'

/** Opens the page's stream with a model on it. A name that is not allowed is explained, and nothing is opened. */
export function openDemoPage(model: ModelReconciler, defaultName: string): void {
  const name = readStreamName(location.search, defaultName)
  if (!isDemoName(name)) return explainName(name)

  const badge = new StatusBadge(elementOf('status'))
  const windowBar = new WindowBar(elementOf('window-bar'))
  const problem = elementOf('problem')
  const log = new TapeLog()
  const strip = new TapeStrip(elementOf('tape'), log)

  const show = () => {
    const { status, isPlugged, latestSeq, client, tokenProblem } = stream
    badge.show(summarize(status, isPlugged))
    strip.show({ latestSeq, holes: status.holes, client })
    const trouble = problemOf(status, tokenProblem)
    render(trouble === undefined ? nothing : html`<p class="problem"><strong>${trouble.title}</strong> ${trouble.hint}</p>`, problem)
    windowBar.show({
      streamName: name,
      address: addressOf(new URL(location.href), name),
      isPlugged,
      onPlug: () => (stream.isPlugged ? stream.unplug() : stream.plug()),
    })
  }
  const stream = new DemoStream(name, [model, log], show)
  show()
}

/** An element that the page's own markup has. */
export function elementOf(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`The page has no element #${id}.`)
  return element
}

function explainName(name: string): void {
  const page = elementOf('page')
  page.replaceChildren()
  render(
    html`<section class="notice">
      <h1>This page cannot open that stream</h1>
      <p>The address asks for <code>${name.slice(0, 200)}</code>. Guests may open streams whose names begin with <code>demo.</code>, then 1 to 195 of A–Z a–z 0–9 . _ : -</p>
      <p><a class="button" href=${location.pathname}>Open the usual one</a></p>
    </section>`,
    page,
  )
  elementOf('status').hidden = true
}
