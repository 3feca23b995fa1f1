/**
 * What stands in for Cloudflare's cache: a map behind the HTTP that workerd speaks for the Cache API. It runs in the
 * bench's process, so that what is measured of workerd is the Worker's side of the cache alone.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CacheService {
  readonly port: number
  /** Whether what is put is kept; otherwise it is taken and forgotten, and every match misses. */
  keep(isKeeping: boolean): void
  stop(): void
}

interface Kept {
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
}

export async function startCacheService(): Promise<CacheService> {
  const kept = new Map<string, Kept>()
  let isKeeping = true
  const server = createServer((request, response) => {
    // Who asks may be killed halfway.
    answer({ kept, isKeeping }, request, response).catch(() => response.destroy())
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    keep: (value) => {
      isKeeping = value
      kept.clear()
    },
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function answer(
  { kept, isKeeping }: { kept: Map<string, Kept>; isKeeping: boolean },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const key = `${request.headers.host}${request.url}`
  const hit = kept.get(key)
  if (request.method === 'PUT') {
    const body = await bodyOf(request)
    if (isKeeping) kept.set(key, parseAnswer(body))
    response.writeHead(204).end()
  } else if (hit === undefined) {
    response.writeHead(504, { 'CF-Cache-Status': 'MISS' }).end()
  } else {
    for (const [name, value] of hit.headers) response.setHeader(name, value)
    response.writeHead(200, { 'CF-Cache-Status': 'HIT', 'Content-Length': hit.body.length }).end(hit.body)
  }
}

/** The body of a PUT is a whole answer: status line, headers, an empty line, body. */
function parseAnswer(text: Buffer): Kept {
  const end = text.indexOf('\r\n\r\n')
  const headers = text
    .toString('latin1', 0, end)
    .split('\r\n')
    .slice(1)
    .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()])
    .filter(([name]) => !/^(transfer-encoding|content-length|connection)$/i.test(name))
  return { headers, body: text.subarray(end + 4) }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
