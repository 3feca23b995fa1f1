/** A live socket for tests in the runtime: frames are awaited in order, never waited for by time. */
import { exports } from 'cloudflare:workers'
import { decodeServerFrame, type ServerFrame } from '../../src/protocol/frames.ts'
import { testToken } from './tokens.ts'

export const origin = 'https://tapeline.example'

/** A request to the Worker with a good token, unless `headers` say otherwise. */
export async function call(path: string, init: RequestInit & { token?: string } = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (!headers.has('Authorization')) headers.set('Authorization', `Bearer ${init.token ?? (await testToken())}`)
  if (init.body !== undefined && !headers.has('Content-Type')) headers.set('Content-Type', 'application/json')
  return exports.default.fetch(new Request(origin + path, { ...init, headers }))
}

export function publish(stream: string, body: unknown, token?: string): Promise<Response> {
  return call(`/v1/streams/${stream}/events`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(token === undefined ? {} : { token }),
  })
}

/** A body as text, whatever it is declared as: NDJSON is text, though the runtime warns that it may not be. */
export async function textOf(answer: Response): Promise<string> {
  return new TextDecoder().decode(await answer.arrayBuffer())
}

export class LiveSocket {
  readonly #socket: WebSocket
  readonly #frames: string[] = []
  readonly #takers: ((text: string) => void)[] = []
  readonly closed: Promise<{ code: number; reason: string }>

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const taker = this.#takers.shift()
      if (taker === undefined) this.#frames.push(String(data))
      else taker(String(data))
    })
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }))
    })
    socket.accept()
  }

  static async open(stream: string, { query = '', token }: { query?: string; token?: string } = {}): Promise<LiveSocket> {
    const answer = await call(`/v1/streams/${stream}/live${query}`, {
      headers: { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'tapeline.v1' },
      ...(token === undefined ? {} : { token }),
    })
    if (answer.webSocket === null) throw new Error(`No socket: ${answer.status} ${await answer.text()}`)
    return new LiveSocket(answer.webSocket)
  }

  send(frame: unknown): void {
    this.#socket.send(typeof frame === 'string' || frame instanceof ArrayBuffer ? frame : JSON.stringify(frame))
  }

  /** The next frame's text, whenever it comes. */
  nextText(): Promise<string> {
    const text = this.#frames.shift()
    return text === undefined ? new Promise((resolve) => this.#takers.push(resolve)) : Promise.resolve(text)
  }

  async next(): Promise<ServerFrame> {
    return decodeServerFrame(await this.nextText())
  }

  /** What has come and has not been taken. */
  get unread(): readonly string[] {
    return this.#frames
  }

  close(): void {
    this.#socket.close(1000, 'done')
  }
}

export function insert(counter: number, { identifier = `task-${counter}`, seen = -1 } = {}) {
  return { counter, seen, type: 'insert', collection: 'tasks', identifier, values: { title: `Task ${counter}`, completed: false } }
}
