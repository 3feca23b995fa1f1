/** HTTP over connections that are kept, and how many bytes came over them. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import type { Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import type { Server } from './workerd.ts'

export interface Answer {
  readonly headers: IncomingHttpHeaders
  readonly text: () => string
  /** How the body begins: enough to see what a slice covers, without decoding a megabyte. */
  readonly start: () => string
}

export class HttpClient {
  readonly #server: Server
  readonly #agent: Agent
  readonly #sockets = new Set<Socket>()

  constructor(server: Server, { connections = 1 } = {}) {
    this.#server = server
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  /** Everything received so far, headers too. */
  get bytesRead(): number {
    let bytes = 0
    for (const socket of this.#sockets) bytes += socket.bytesRead
    return bytes
  }

  get(path: string): Promise<Answer> {
    return this.#exchange('GET', path)
  }

  post(path: string, body: string): Promise<Answer> {
    return this.#exchange('POST', path, body)
  }

  put(path: string, body: string): Promise<Answer> {
    return this.#exchange('PUT', path, body)
  }

  /** Gives the body up as it comes: a thousand of them need not lie in memory at once. */
  async skip(path: string): Promise<void> {
    await this.#exchange('GET', path, undefined, () => {})
  }

  close(): void {
    this.#agent.destroy()
  }

  /** Throws for every status but 200. */
  #exchange(method: string, path: string, body?: string, take?: () => void): Promise<Answer> {
    const { port, token } = this.#server
    const headers = {
      Authorization: `Bearer ${token}`,
      'Accept-Encoding': 'gzip',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': body.length }),
    }
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: this.#agent }, (answer) => {
        this.#sockets.add(answer.socket)
        const chunks: Buffer[] = []
        answer.on('data', take ?? ((chunk: Buffer) => chunks.push(chunk)))
        answer.on('end', () => {
          const isPacked = answer.headers['content-encoding'] === 'gzip'
          const text = () => (isPacked ? gunzipSync(Buffer.concat(chunks)) : Buffer.concat(chunks)).toString()
          const start = () => chunks[0]?.toString('latin1', 0, 200) ?? ''
          if (answer.statusCode === 200) resolve({ headers: answer.headers, text, start })
          else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text()}`))
        })
        answer.on('error', reject)
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }
}
