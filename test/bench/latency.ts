/** Latency: from a publish to its delivery at another socket, one publish at a time on a server that does nothing else. */

import { Publisher } from './append.ts'
import type { Contender } from './bundle.ts'
import { LiveSocket } from './live-socket.ts'
import { type Effort, quantile } from './measure.ts'
import type { Row } from './report.ts'
import type { Server } from './workerd.ts'

const publishesPerRound = 1000

export async function benchLatency(servers: readonly Server[], { rounds }: Effort): Promise<Row[]> {
  const delaysMs: Record<Contender, number[]> = { Tapeline: [], limit: [] }
  for (let round = -1; round < rounds; round++) {
    for (const server of servers) {
      const delays = await deliveryDelays(server, `latency-${round}`)
      if (round >= 0) delaysMs[server.contender].push(...delays)
    }
  }
  const row = (name: string, share: number): Row => ({
    figure: `publish to delivery, one at a time: ${name} ms`,
    values: { Tapeline: quantile(delaysMs.Tapeline, share), limit: quantile(delaysMs.limit, share) },
  })
  return [row('p50', 0.5), row('p99', 0.99)]
}

async function deliveryDelays(server: Server, stream: string): Promise<number[]> {
  const publisher = await Publisher.open(server, stream)
  const listener = await LiveSocket.open(server, `/v1/streams/${stream}/live`)
  const delays: number[] = []
  while (delays.length < publishesPerRound) {
    const delivered = new Promise<number>((resolve) => {
      listener.onFrame = (head) => head.startsWith('{"type":"slice"') && resolve(performance.now())
    })
    const publishedAt = performance.now()
    const published = publisher.publishCount(1, { batch: 1, inFlight: 1 })
    delays.push((await delivered) - publishedAt)
    await published
  }
  publisher.close()
  listener.close()
  return delays
}
