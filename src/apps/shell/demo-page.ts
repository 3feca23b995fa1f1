/** What all demo pages have around their model: badge, problems, window bar and tape. Ties them to one stream. */
import { html, render } from 'lit-html'
import { type ModelReconciler, openStream, type Stream, warnBeforeLeaving } from '../../browser/index.ts'
import { TapeLog } from '../tape-strip/tape-log.ts'
import { TapeStrip } from '../tape-strip/tape-strip.ts'
import { readDevice } from './device.ts'
import { GuestToken } from './guest-token.ts'
import { tellOfNewVersion } from './new-version.ts'
import { keepShell } from './offline-shell.ts'
import { problemsOf } from './problems.ts'
import { RefusedDrafts } from './refused-drafts.ts'
import { StatusBadge } from './status-badge.ts'
import { explain, summarize } from './status-summary.ts'
import { isDemoName, readStreamName } from './stream-name.ts'
import { WindowBar } from './window-bar.ts'

/** Opens the page's stream with a model on it, and gives it. A name that is not allowed is explained, and nothing is opened. */
export function openDemoPage(model: ModelReconciler, defaultName: string): Stream | undefined {
  keepShell(tellOfNewVersion)
  const name = readStreamName(location.search, defaultName)
  if (!isDemoName(name)) {
    explainName(name)
    return undefined
  }

  const device = readDevice(location.search)
  const guestToken = new GuestToken()
  const stream = openStream(`/v1/streams/${name}`, {
    token: guestToken.fetch,
    ...(device === undefined ? {} : { device }),
    report: (error) => {
      console.error(error)
      // A token that could not be had changes nothing in the status, but people should see why.
      queueMicrotask(show)
    },
  })
  const log = new TapeLog()
  const show = showing(stream, { name, device, log, guestToken })
  stream.attach(model)
  stream.attach(log)
  stream.subscribe(show)
  warnBeforeLeaving(stream)
  show()
  return stream
}

interface PageParts {
  readonly name: string
  readonly device: string | undefined
  readonly log: TapeLog
  readonly guestToken: GuestToken
}

/** Gives what brings everything around the model up to date with the stream. */
function showing(stream: Stream, { name, device, log, guestToken }: PageParts): () => void {
  const badge = new StatusBadge(elementOf('status'))
  const problems = elementOf('problem')
  const refused = new RefusedDrafts(elementOf('refused'), {
    retry: (place) => stream.retry(place),
    discard: (place) => stream.discard(place),
  })
  const windowBar = new WindowBar(elementOf('window-bar'))
  const strip = new TapeStrip(elementOf('tape'), log)
  return () => {
    const { status, latestSeq, client, outbox } = stream
    const isPaused = status.connection === 'paused'
    badge.show(summarize(status))
    render(
      problemsOf(status, guestToken.problem).map(({ title, hint }) => html`<p class="problem"><strong>${title}</strong> ${hint}</p>`),
      problems,
    )
    refused.show(status.refused)
    windowBar.show({
      streamName: name,
      device,
      isPaused,
      canPause: status.connection !== 'stopped',
      note: explain(status),
      onPause: () => (isPaused ? stream.resume() : stream.pause()),
    })
    strip.show({ latestSeq, holes: status.holes, client, outbox })
  }
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
