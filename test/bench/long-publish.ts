/** How long a publish takes while the tape behind it is sealed and snapshotted, and while it never is. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BundleOptions } from './bundle.ts'
import { HttpClient } from './http-client.ts'
import { fill, progress, TaskTape } from './long-tape.ts'
import { type Effort, quantile } from './measure.ts'
import type { Figures } from './report.ts'
import { startServer } from './workerd.ts'

const ways = [
  { name: 'bucket', hasBucket: true, wrapper: undefined },
  { name: 'no bucket', hasBucket: false, wrapper: undefined },
  { name: 'unsealed', hasBucket: false, wrapper: 'never-sealing' },
] as const

const length = 20_000
const secondsPerRound = 3
/** A batch of 100 each so many ms. */
const batchEveryMs = 20
const aloneEveryMs = 5

export interface Ports {
  readonly cachePort: number
  readonly bucketPort: number
}

export async function measurePublishes(ports: Ports, effort: Effort): Promise<readonly { name: string; figures: Figures }[]> {
  const measured: { name: string; figures: Figures }[] = []
  for (const { name, hasBucket, wrapper } of ways) {
    progress(`publishing, ${name}`)
    measured.push({ name, figures: await measure({ ...ports, bucketPort: hasBucket ? ports.bucketPort : undefined, wrapper }, effort) })
  }
  return measured
}

async function measure(
  options: BundleOptions & { cachePort: number; bucketPort: number | undefined },
  { rounds }: Effort,
): Promise<Figures> {
  const server = await startServer('Tapeline', options)
  const client = new HttpClient(server, { connections: 2 })
  const path = '/v1/streams/busy/events'
  const tape = new TaskTape(100_000)
  await fill(client, 'busy', { tape, length })
  const cpuMs = server.cpuMs()
  const endsAt = performance.now() + rounds * secondsPerRound * 1000
  const batches: number[] = []
  const alone: number[] = []
  const post = async (body: string) => {
    const startedAt = performance.now()
    await client.post(path, body)
    return performance.now() - startedAt
  }
  const publish = async (times: number[], body: () => string, everyMs: number) => {
    for (let due = performance.now(); due < endsAt; due += everyMs) {
      await sleep(Math.max(0, due - performance.now()))
      times.push(await post(body()))
    }
  }
  const one = '{"drafts":[{"seen":-1,"type":"update","collection":"others","identifier":"one","values":{"title":"Buy milk"}}]}'
  await Promise.all([publish(batches, () => tape.nextBody(), batchEveryMs), publish(alone, () => one, aloneEveryMs)])
  const figures = { ...timesOf('a publish alone', alone), ...timesOf('a batch of 100', batches) }
  const perEvent = ((server.cpuMs() - cpuMs) * 1000) / (batches.length * 100 + alone.length)
  client.close()
  await server.stop()
  return { ...figures, 'µs of CPU per event': perEvent }
}

function timesOf(name: string, times: readonly number[]): Figures {
  return {
    [`${name}: ms, p50`]: quantile(times, 0.5),
    [`${name}: ms, p99`]: quantile(times, 0.99),
    [`${name}: ms, longest`]: Math.max(...times),
  }
}
