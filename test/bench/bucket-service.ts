/**
 * What stands in for R2: a map behind the HTTP that workerd speaks for a bucket. It runs in a thread of its own, as
 * nobody's reads and publishes should wait for a bench that is busy.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

export interface BucketService {
  readonly port: number
  /** How many objects it holds, and the bytes of their bodies. */
  amount(): Promise<BucketAmount>
  stop(): Promise<unknown>
}

export interface BucketAmount {
  readonly objects: number
  readonly bytes: number
}

export async function startBucketService(): Promise<BucketService> {
  const thread = new Worker(import.meta.filename)
  const [port] = (await once(thread, 'message')) as [number]
  return {
    port,
    amount: async () => (await fetch(`http://127.0.0.1:${port}/amount`)).json() as Promise<BucketAmount>,
    stop: () => thread.terminate(),
  }
}

interface Asked {
  readonly method: string
  readonly object?: string
  readonly objects?: readonly string[]
  readonly prefix?: string
  readonly startAfter?: string
}

const kept = new Map<string, Buffer>()

if (!isMainThread) {
  const server = createServer((request, response) => {
    // Who asks may be killed halfway.
    answer(request, response).catch(() => response.destroy())
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port))
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/amount') {
    const bytes = [...kept.values()].reduce((sum, { length }) => sum + length, 0)
    response.end(JSON.stringify({ objects: kept.size, bytes }))
    return
  }
  const { asked, body } = await askedIn(request)
  const { object = '', objects = [object], prefix = '', startAfter = '' } = asked
  if (asked.method === 'put') kept.set(object, body)
  if (asked.method === 'delete') for (const name of objects) kept.delete(name)
  if (asked.method === 'delete') return send(response, {})
  if (asked.method === 'list') {
    const names = [...kept.keys()].filter((name) => name.startsWith(prefix) && name > startAfter).sort()
    return send(response, { objects: names.slice(0, 1000).map(metadataOf), truncated: false, delimitedPrefixes: [] })
  }
  const found = kept.get(object)
  if (found !== undefined) return send(response, metadataOf(object), asked.method === 'get' ? found : undefined)
  response.writeHead(404, { 'CF-R2-Error': JSON.stringify({ version: 0, v4code: 10007, message: 'There is no such object.' }) }).end()
}

/** What is asked comes in a header, or where there is a body before that. */
async function askedIn(request: IncomingMessage): Promise<{ readonly asked: Asked; readonly body: Buffer }> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const size = Number(request.headers['cf-r2-metadata-size'] ?? 0)
  const text = size === 0 ? String(request.headers['cf-r2-request']) : body.toString('utf8', 0, size)
  return { asked: JSON.parse(text) as Asked, body: body.subarray(size) }
}

function metadataOf(name: string): object {
  const size = String(kept.get(name)?.length ?? 0)
  return { name, version: '1', size, etag: '1', uploaded: '0', httpFields: {}, customFields: [], checksums: {}, storageClass: 'Standard' }
}

function send(response: ServerResponse, metadata: object, body: Buffer = Buffer.alloc(0)): void {
  const text = Buffer.from(JSON.stringify(metadata))
  response.writeHead(200, { 'CF-R2-Metadata-Size': text.length, 'Content-Length': text.length + body.length })
  response.end(Buffer.concat([text, body]))
}
