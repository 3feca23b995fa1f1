import { describe, expect, test } from 'vitest'
import {
  type Connection,
  type ConnectionEffect,
  type ConnectionInput,
  connectDeadlineMs,
  missesMax,
  pingIntervalMs,
  pongDeadlineMs,
  retryDelayMs,
  stepConnection,
  unansweredMax,
} from '../../src/client/link/connection.ts'

const idle: Connection = { type: 'idle' }
const connecting: Connection = { type: 'connecting', attempt: 2 }
const resting: Connection = { type: 'online', attempt: 2, misses: 0, unanswered: 0, isListening: false, hasHeard: false }
const listening: Connection = { ...resting, unanswered: 1, isListening: true }
const waiting: Connection = { type: 'waiting', attempt: 3 }
const stopped: Connection = { type: 'stopped' }

const random = 0.5
const start: ConnectionInput = { type: 'start' }
const welcomed: ConnectionInput = { type: 'welcomed' }
const heard: ConnectionInput = { type: 'heard' }
const answered: ConnectionInput = { type: 'answered' }
const pause: ConnectionInput = { type: 'pause' }
const lost: ConnectionInput = { type: 'lost', random }
const timer: ConnectionInput = { type: 'timer', random }
const nudge: ConnectionInput = { type: 'nudge' }
const stop: ConnectionInput = { type: 'stop' }

const close: ConnectionEffect = { type: 'close' }
const ping: ConnectionEffect = { type: 'ping' }
const after = (afterMs: number | undefined): ConnectionEffect => ({ type: 'timer', afterMs })
const opening = (attempt: number) => [{ type: 'connecting', attempt }, [{ type: 'open' }, after(connectDeadlineMs)]]
const rest = (attempt: number, unanswered = 0) => [{ ...resting, attempt, unanswered }, [after(pingIntervalMs)]]
const wait = (attempt: number) => [{ type: 'waiting', attempt: attempt + 1 }, [after(retryDelayMs(attempt, random))]]
const giveUp = (attempt: number) => [{ type: 'waiting', attempt: attempt + 1 }, [close, after(retryDelayMs(attempt, random))]]
const atEase = [idle, [close, after(undefined)]]
const end = [stopped, [close, after(undefined)]]
const same = (state: Connection) => [state, []]

/** Every state with every input: what is not here does not exist. */
const table: readonly (readonly [Connection, ConnectionInput, unknown])[] = [
  [idle, start, opening(0)],
  [idle, welcomed, same(idle)],
  [idle, heard, same(idle)],
  [idle, answered, same(idle)],
  [idle, pause, same(idle)],
  [idle, lost, same(idle)],
  [idle, timer, same(idle)],
  [idle, nudge, same(idle)],
  [idle, stop, end],
  [connecting, start, same(connecting)],
  [connecting, welcomed, rest(2)],
  [connecting, heard, same(connecting)],
  [connecting, answered, same(connecting)],
  [connecting, pause, atEase],
  [connecting, lost, wait(2)],
  [connecting, timer, giveUp(2)],
  [connecting, nudge, same(connecting)],
  [connecting, stop, end],
  [resting, start, same(resting)],
  [resting, welcomed, same(resting)],
  [resting, heard, [{ ...resting, hasHeard: true }, []]],
  [resting, answered, [{ ...resting, hasHeard: true }, []]],
  [{ ...resting, unanswered: 3 }, answered, [{ ...resting, hasHeard: true }, []]],
  [resting, pause, atEase],
  [resting, lost, wait(2)],
  [resting, timer, [{ ...listening, attempt: 0 }, [ping, after(pongDeadlineMs)]]],
  [resting, nudge, [listening, [ping, after(pongDeadlineMs)]]],
  [resting, stop, end],
  [listening, start, same(listening)],
  [listening, welcomed, same(listening)],
  [listening, heard, [{ ...listening, hasHeard: true }, []]],
  [listening, answered, [{ ...listening, unanswered: 0, hasHeard: true }, []]],
  [listening, pause, atEase],
  [listening, lost, wait(2)],
  [listening, timer, [{ ...listening, misses: 1, unanswered: 2 }, [ping, after(pongDeadlineMs)]]],
  [{ ...listening, misses: missesMax }, timer, giveUp(0)],
  [{ ...listening, hasHeard: true }, timer, rest(0, 1)],
  [{ ...listening, hasHeard: true, unanswered: unansweredMax }, timer, rest(0, unansweredMax)],
  [{ ...listening, hasHeard: true, unanswered: unansweredMax + 1 }, timer, giveUp(0)],
  [{ ...listening, hasHeard: true }, heard, same({ ...listening, hasHeard: true })],
  [listening, nudge, same(listening)],
  [listening, stop, end],
  [waiting, start, same(waiting)],
  [waiting, welcomed, same(waiting)],
  [waiting, heard, same(waiting)],
  [waiting, answered, same(waiting)],
  [waiting, pause, atEase],
  [waiting, lost, same(waiting)],
  [waiting, timer, opening(3)],
  [waiting, nudge, opening(3)],
  [waiting, stop, end],
  [stopped, start, same(stopped)],
  [stopped, welcomed, same(stopped)],
  [stopped, heard, same(stopped)],
  [stopped, answered, same(stopped)],
  [stopped, pause, same(stopped)],
  [stopped, lost, same(stopped)],
  [stopped, timer, same(stopped)],
  [stopped, nudge, same(stopped)],
  [stopped, stop, same(stopped)],
]

describe('the connection machine', () => {
  test.each(table)('[C6] [C7] %o on %o', (state, input, expected) => {
    expect(stepConnection(state, input)).toEqual(expected)
  })

  test('[C6] [C7] the table is total', () => {
    const inputs = new Set(table.map(([, input]) => input.type))
    for (const state of ['idle', 'connecting', 'online', 'waiting', 'stopped']) {
      const seen = new Set(table.filter(([before]) => before.type === state).map(([, input]) => input.type))
      expect(seen, state).toEqual(inputs)
    }
  })

  test('[C6] waits at random, up to 0.5 s at first and 30 s in the end', () => {
    expect(retryDelayMs(0, 0)).toBe(0)
    expect(retryDelayMs(0, 0.999)).toBeLessThan(500)
    expect(retryDelayMs(1, 0.5)).toBe(500)
    expect(retryDelayMs(100, 1)).toBe(30_000)
  })
})
