/**
 * The live connection as a pure machine: (state, input) → [state, effects]. One timer, whose meaning is the state's.
 *
 *              start                    welcomed
 *     idle ───────────► connecting ─────────────────► online ⟲ timer: ping, listen
 *                        ▲      │ lost, timer (too late)  │ lost, timer (silence after three pings, or five without a pong)
 *          timer, nudge  │      ▼                         │
 *                        waiting ◄────────────────────────┘
 *     any ── pause ► idle            any ── stop ► stopped           connecting, waiting, online ── renew ► connecting
 */

export type Connection =
  | { readonly type: 'idle' }
  | { readonly type: 'connecting'; readonly attempt: number }
  | {
      readonly type: 'online'
      readonly attempt: number
      readonly misses: number
      /** Pings since the last pong: others' events may come on a link that carries nothing to the server. */
      readonly unanswered: number
      readonly isListening: boolean
      readonly hasHeard: boolean
    }
  | { readonly type: 'waiting'; readonly attempt: number }
  | { readonly type: 'stopped' }

export type ConnectionInput =
  | { readonly type: 'start' }
  /** The server's first frame came. */
  | { readonly type: 'welcomed' }
  /** Any other frame. */
  | { readonly type: 'heard' }
  /** The answer to a ping. */
  | { readonly type: 'answered' }
  /** The link closed, or could not be opened. `random` is from 0 up to 1. */
  | { readonly type: 'lost'; readonly random: number }
  | { readonly type: 'timer'; readonly random: number }
  /** Something outside (online again, visible again) says that now is a good time. It only shortens a wait. */
  | { readonly type: 'nudge' }
  /** What the link was asked for is not what is wanted now: another one at once. */
  | { readonly type: 'renew' }
  /** The application wants to work offline; `start` ends it. */
  | { readonly type: 'pause' }
  | { readonly type: 'stop' }

export type ConnectionEffect =
  | { readonly type: 'open' }
  | { readonly type: 'close' }
  | { readonly type: 'ping' }
  /** Replaces the timer that runs; no `afterMs` ends it. */
  | { readonly type: 'timer'; readonly afterMs: number | undefined }

/** Opening takes a few round trips; a link that is not open by then is not worth waiting for. */
export const connectDeadlineMs = 15_000
/** Between pings: proxies drop what is silent for a minute. */
export const pingIntervalMs = 20_000
/** For one answer. An answer may get lost around hibernation, so two misses are allowed. */
export const pongDeadlineMs = 5_000
export const missesMax = 2
/** Pings without an answer, though other frames come. On a slow link a pong may lie behind large slices. */
export const unansweredMax = 4
/** Full jitter: a random wait up to 0.5 s, doubled with each attempt up to 30 s. */
const retryDelayMsMin = 500
const retryDelayMsMax = 30_000

export const initialConnection: Connection = { type: 'idle' }

type Step = readonly [Connection, readonly ConnectionEffect[]]

export function stepConnection(state: Connection, input: ConnectionInput): Step {
  switch (input.type) {
    case 'stop':
      return state.type === 'stopped' ? [state, []] : [{ type: 'stopped' }, [{ type: 'close' }, { type: 'timer', afterMs: undefined }]]
    case 'pause':
      return state.type === 'idle' || state.type === 'stopped'
        ? [state, []]
        : [{ type: 'idle' }, [{ type: 'close' }, { type: 'timer', afterMs: undefined }]]
    case 'start':
      return state.type === 'idle' ? open(0) : [state, []]
    case 'nudge':
      if (state.type === 'waiting') return open(state.attempt)
      return state.type === 'online' && !state.isListening ? listen(state, 0) : [state, []]
    case 'renew':
      if (state.type === 'waiting') return open(state.attempt)
      return state.type === 'connecting' || state.type === 'online' ? closeAndOpen() : [state, []]
    case 'welcomed':
      return state.type === 'connecting' ? rest(state.attempt, 0) : [state, []]
    case 'heard':
      return state.type === 'online' && !state.hasHeard ? [{ ...state, hasHeard: true }, []] : [state, []]
    case 'answered':
      return state.type === 'online' ? [{ ...state, hasHeard: true, unanswered: 0 }, []] : [state, []]
    case 'lost':
      return state.type === 'connecting' || state.type === 'online' ? wait(state.attempt, input.random) : [state, []]
    case 'timer':
      return onTimer(state, input.random)
  }
}

function onTimer(state: Connection, random: number): Step {
  switch (state.type) {
    case 'idle':
    case 'stopped':
      return [state, []]
    case 'waiting':
      return open(state.attempt)
    case 'connecting':
      return closeAndWait(state.attempt, random)
    case 'online':
      // A connection that has lasted a while starts counting attempts anew.
      if (!state.isListening) return listen({ ...state, attempt: 0 }, 0)
      if (state.unanswered > unansweredMax) return closeAndWait(0, random)
      if (state.hasHeard) return rest(0, state.unanswered)
      return state.misses < missesMax ? listen(state, state.misses + 1) : closeAndWait(0, random)
  }
}

function open(attempt: number): Step {
  return [{ type: 'connecting', attempt }, [{ type: 'open' }, { type: 'timer', afterMs: connectDeadlineMs }]]
}

function closeAndOpen(): Step {
  const [state, effects] = open(0)
  return [state, [{ type: 'close' }, ...effects]]
}

function rest(attempt: number, unanswered: number): Step {
  return [
    { type: 'online', attempt, misses: 0, unanswered, isListening: false, hasHeard: false },
    [{ type: 'timer', afterMs: pingIntervalMs }],
  ]
}

function listen(state: Connection & { type: 'online' }, misses: number): Step {
  const unanswered = state.unanswered + 1
  return [
    { ...state, misses, unanswered, isListening: true, hasHeard: false },
    [{ type: 'ping' }, { type: 'timer', afterMs: pongDeadlineMs }],
  ]
}

function wait(attempt: number, random: number): Step {
  return [{ type: 'waiting', attempt: attempt + 1 }, [{ type: 'timer', afterMs: retryDelayMs(attempt, random) }]]
}

function closeAndWait(attempt: number, random: number): Step {
  const [state, effects] = wait(attempt, random)
  return [state, [{ type: 'close' }, ...effects]]
}

/** Exponential backoff with full jitter, as in "Exponential Backoff And Jitter" (M. Brooker, AWS, 2015). */
export function retryDelayMs(attempt: number, random: number): number {
  return random * Math.min(retryDelayMsMax, retryDelayMsMin * 2 ** Math.min(attempt, 16))
}
