/** A stream's status in a few words. */
import { type Code, codeFacts, type StreamStatus } from '../../browser/index.ts'

export interface StatusSummary {
  readonly state: 'connecting' | 'online' | 'catching-up' | 'offline' | 'stopped'
  readonly text: string
  /** While catching up: events accounted for, out of all on the tape. */
  readonly progress: { readonly have: number; readonly total: number } | undefined
  readonly pending: number
}

export interface Problem {
  readonly title: string
  readonly hint: string
}

export function summarize({ connection, progress, pending }: StreamStatus, isPlugged: boolean): StatusSummary {
  if (!isPlugged) return { state: 'offline', text: 'offline, unplugged', progress: undefined, pending }
  if (connection === 'online' && progress.have < progress.total) {
    const { have, total } = progress
    return { state: 'catching-up', text: `catching up ${have.toLocaleString('en')} / ${total.toLocaleString('en')}`, progress, pending }
  }
  return { state: connection, text: connection, progress: undefined, pending }
}

/** What the person in front of the page should know, and can do about it. */
export function problemOf({ problem, refused }: StreamStatus, tokenProblem: string | undefined): Problem | undefined {
  if (problem !== undefined) return explain(problem)
  if (tokenProblem !== undefined) return { title: 'This page got no token.', hint: tokenProblem }
  const last = refused.at(-1)
  if (last === undefined) return undefined
  const { title, hint } = explain(last.code)
  return { title: `The server refused ${refused.length === 1 ? 'a change' : `${refused.length} changes`} of yours. ${title}`, hint }
}

function explain(code: Code): Problem {
  const { title, hint } = codeFacts(code)
  return { title, hint }
}
