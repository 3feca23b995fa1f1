/** Making forks, and looking at what they share. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import { call, insert, publish, textOf } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { stubOf } from './objects.ts'

/** Whoever runs the streams. */
export const admin = await testToken({ sub: 'admin', may: ['read', 'publish', 'admin'] })

type Said = Record<string, unknown>

export const said = async (answer: Response | Promise<Response>) => (await answer).json<Said>()
export const put = (stream: string, body: unknown, token = admin) =>
  said(call(`/v1/streams/${stream}`, { method: 'PUT', token, body: JSON.stringify(body) }))
export const stateOf = (stream: string) => said(call(`/v1/streams/${stream}`))
export const send = async (stream: string, client: string, drafts: readonly unknown[], sub = `of ${client}`) =>
  said(publish(stream, { client, drafts }, await testToken({ sub, may: ['read', 'publish'] })))
export const remove = (stream: string) => call(`/v1/streams/${stream}`, { method: 'DELETE', token: admin })
export const redact = (stream: string, seq: readonly (readonly [number, number])[]) =>
  said(call(`/v1/streams/${stream}/redactions`, { method: 'POST', token: admin, body: JSON.stringify({ seq, reason: 'A test.' }) }))

export async function linesOf(stream: string, seq = '0-'): Promise<readonly string[]> {
  const answer = await call(`/v1/streams/${stream}/events?seq=${seq}`, { headers: { Accept: 'application/x-ndjson' } })
  return (await textOf(answer)).split('\n').slice(0, -1)
}

/** Two clients in turn, 500 drafts each time, about 300 objects. */
export async function fill(stream: string, batches: number): Promise<void> {
  const counters = { anna: 0, ben: 0 }
  for (let batch = 0; batch < batches; batch++) {
    const client = batch % 2 === 0 ? 'anna' : 'ben'
    const drafts = Array.from({ length: 500 }, () => {
      const counter = ++counters[client]
      const values = { title: `Task ${counter} of ${client}`, project: counter % 3 === 0 ? 'garden' : 'house' }
      return { counter, seen: batch * 500 - 1, type: 'update', collection: 'tasks', identifier: `task-${counter % 300}`, values }
    })
    expect(await send(stream, client, drafts)).toHaveProperty('seqs')
  }
}

export const draft = (counter: number) => insert(counter)

/** Runs the object's alarm until it has nothing to do at once. */
export async function rest(stream: string): Promise<void> {
  for (let turn = 0; turn < 200; turn++) {
    if (!(await runDurableObjectAlarm(stubOf(stream)))) await new Promise((resolve) => setTimeout(resolve, 0))
    const alarm = await runInDurableObject(stubOf(stream), (_, { storage }) => storage.getAlarm())
    if (alarm === null || alarm > Date.now() + 60_000) return
  }
}

export async function keysOf(stream: string): Promise<readonly string[]> {
  const prefix = `${env.BUCKETED.idFromName(stream)}/`
  return (await env.SEGMENTS.list({ prefix })).objects.map(({ key }) => key)
}

export const lentBy = (stream: string) =>
  runInDurableObject(stubOf(stream), (_, { storage: { sql } }) =>
    sql.exec<{ name: string; fork: string }>('SELECT name, fork FROM lent').toArray(),
  )
