/** Storage: rows written and bytes kept per event, counted on servers that count; and what a reconnect receives. */
import { setTimeout as sleep } from 'node:timers/promises'
import { inFlight, Publisher } from './append.ts'
import { HttpClient } from './http-client.ts'
import { LiveSocket, latestSeqOf } from './live-socket.ts'
import type { Row } from './report.ts'
import type { Server } from './workerd.ts'

const ways = [
  { name: `${inFlight} in flight, batch of 1`, count: 32_000, batch: 1, inFlight, target: 0.05 },
  { name: `${inFlight} in flight, batches of 100`, count: 96_000, batch: 100, inFlight, target: 0.01 },
  { name: 'batches of 100, one at a time', count: 50_000, batch: 100, inFlight: 1, target: 0.01 },
  { name: 'a publish alone', count: 2000, batch: 1, inFlight: 1, target: 1 },
]

export async function benchStorage(servers: readonly Server[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const [index, { name, target, ...way }] of ways.entries()) {
    const kept = await both(servers, (server) => keep(server, `storage-${index}`, way))
    rows.push({ figure: `rows written per event, ${name}`, values: pick(kept, 'rows'), target, isAbsolute: true })
    rows.push({ figure: '  bytes of the database per event', values: pick(kept, 'bytes') })
  }
  const reconnect = await both(servers, reconnectBytes)
  rows.push({ figure: 'bytes of frames at a reconnect with nothing new', values: reconnect, target: 200, isAbsolute: true })
  return rows
}

interface Kept {
  readonly rows: number
  readonly bytes: number
}

/** What the steady state takes: the first publish, which makes the tables, comes before. */
async function keep(server: Server, stream: string, way: { count: number; batch: number; inFlight: number }): Promise<Kept> {
  const client = new HttpClient(server)
  const publisher = await Publisher.open(server, stream)
  await publisher.publishCount(1, { batch: 1, inFlight: 1 })
  const before = await counted(client, stream)
  const events = await publisher.publishCount(way.count, way)
  const after = await counted(client, stream)
  publisher.close()
  client.close()
  return { rows: (after.rows - before.rows) / events, bytes: (after.bytes - before.bytes) / events }
}

async function counted(client: HttpClient, stream: string): Promise<Kept> {
  return JSON.parse((await client.get(`/bench/rows/${stream}`)).text()) as Kept
}

async function reconnectBytes(server: Server): Promise<number> {
  const publisher = await Publisher.open(server, 'reconnect')
  const latestSeq = (await publisher.publishCount(1000, { batch: 100, inFlight: 1 })) - 1
  publisher.close()
  const socket = await LiveSocket.open(server, `/v1/streams/reconnect/live?after=${latestSeq}`, (head) => {
    if (latestSeqOf(head) !== latestSeq) throw new Error(`Something new: ${head}`)
  })
  // Nothing else is to come, so there is nothing to wait for but time.
  await sleep(300)
  socket.close()
  return socket.payloadBytes
}

async function both<T>(servers: readonly Server[], of: (server: Server) => Promise<T>): Promise<{ Tapeline: T; limit: T }> {
  const [Tapeline, limit] = servers
  if (Tapeline === undefined || limit === undefined) throw new Error('Two servers are compared.')
  return { Tapeline: await of(Tapeline), limit: await of(limit) }
}

function pick({ Tapeline, limit }: { Tapeline: Kept; limit: Kept }, member: keyof Kept): Row['values'] {
  return { Tapeline: Tapeline[member], limit: limit[member] }
}
