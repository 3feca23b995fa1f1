/** A stream's status in a few words, for the badge, and in a few sentences, for whoever wonders what they mean. */
import type { StreamStatus } from '../../browser/index.ts'

export interface StatusSummary {
  readonly state: StreamStatus['connection'] | 'catching-up'
  readonly text: string
  /** While catching up: events accounted for, out of all on the tape. */
  readonly progress: { readonly have: number; readonly total: number } | undefined
  readonly pending: number
}

export function summarize({ connection, progress, pending }: StreamStatus): StatusSummary {
  if (connection === 'online' && progress.have < progress.total) {
    const { have, total } = progress
    return { state: 'catching-up', text: `catching up ${have.toLocaleString('en')} / ${total.toLocaleString('en')}`, progress, pending }
  }
  return { state: connection, text: connection === 'paused' ? 'offline on purpose' : connection, progress: undefined, pending }
}

/** What the state means, and what waits. Nothing that changes with every keystroke while all goes well. */
export function explain(status: StreamStatus): string {
  const { connection, storage } = status
  const keeper = storage.isDurable ? 'is kept in this browser' : 'is kept in this window, as long as it is open'
  switch (connection) {
    case 'online':
      return 'Connected. What you change is on the tape at once.'
    case 'connecting':
      return 'Looking for the server. You can work meanwhile.'
    case 'offline':
      return `There is no connection. Go on working: what you change ${keeper}, and sent when the connection is back. ${waitingText(status)}`
    case 'paused':
      return `You work offline on purpose, in all windows of this device. What you change ${keeper}, and sent when you switch this off again. ${waitingText(status)}`
    case 'stopped':
      return waitingText(status)
  }
}

function waitingText({ outbox, oldestPendingAt }: StreamStatus): string {
  const { drafts, made } = outbox
  if (drafts === 0) return 'Nothing waits.'
  const since = oldestPendingAt === undefined ? '' : `, since ${timeText(oldestPendingAt)}`
  const wait = made.drafts === 1 ? '1 change waits' : `${made.drafts.toLocaleString('en')} changes wait`
  if (made.drafts <= drafts) return `${wait}${since}.`
  return `${wait} as ${drafts.toLocaleString('en')}${since}: of what was changed several times, the outcome alone is sent.`
}

function timeText(at: number): string {
  return new Date(at).toLocaleTimeString('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
}
