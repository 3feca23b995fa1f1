/**
 * The transport over the platform's WebSocket and fetch: browsers, Node and other runtimes that have both.
 * A platform hides why an upgrade was refused, so a link that never opened asks the same question by plain HTTP.
 */
import {
  type Asking,
  type ChunkEvents,
  type Closing,
  type Link,
  type LinkEvents,
  type LinkRequest,
  ReadFailure,
  type ReadRequest,
  type Transport,
} from '../client/index.ts'
import {
  decodeChunk,
  decodeHash,
  decodeObjectList,
  decodeSizes,
  decodeSlice,
  decodeSnapshotIndex,
  formatSeqs,
  isCode,
  type ObjectFilter,
  type ObjectList,
  type ReadSizes,
  Refusal,
  type Slice,
  type SnapshotIndex,
  subprotocol,
} from '../protocol/index.ts'

export class WebTransport implements Transport {
  readonly #stream: URL

  /** `stream` is the stream's address: https://host/v1/streams/name */
  constructor(stream: URL) {
    this.#stream = stream
  }

  connect({ token, after, epoch, client, mark, filters = [] }: LinkRequest, events: LinkEvents): Link {
    const query = {
      after: String(after),
      ...(epoch === null ? {} : { epoch }),
      ...(client === undefined ? {} : { client }),
      ...(mark === undefined ? {} : { mark }),
      filter: textsOf(filters),
    }
    const address = this.#address('/live', query)
    address.protocol = address.protocol === 'http:' ? 'ws:' : 'wss:'
    let hasOpened = false
    let hasEnded = false
    const end = (closing: Closing) => {
      if (hasEnded) return
      hasEnded = true
      events.onClose(closing)
    }
    let socket: WebSocket
    try {
      socket = new WebSocket(address, [subprotocol, token])
    } catch {
      // The platform cannot offer such a token to the server, but the server can say what it thinks of it.
      void this.#reason(token, filters).then(end)
      return {
        send: () => {},
        close: () => {
          hasEnded = true
        },
      }
    }
    socket.onopen = () => {
      hasOpened = true
    }
    socket.onmessage = ({ data }) => {
      if (!hasEnded) events.onFrame(String(data))
    }
    socket.onclose = async ({ code }) => {
      if (!hasEnded) end(hasOpened ? { closeCode: code } : await this.#reason(token, filters))
    }
    return {
      send: (text) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(text)
      },
      close: () => {
        hasEnded = true
        // Without a code of its own a close is answered late.
        socket.close(1000)
      },
    }
  }

  async read({ ranges, epoch, isFolded, selection, own, ...asking }: ReadRequest): Promise<Slice> {
    const query = {
      seq: formatSeqs(ranges),
      ...(epoch === undefined ? {} : { epoch }),
      ...(isFolded === true ? { fold: 'true' } : {}),
      ...(own === undefined ? {} : { own }),
      filter: textsOf(selection?.any),
      except: textsOf(selection?.except),
    }
    // What had been of an object before it came to belong comes folded.
    return this.#read(this.#address('/events', query), asking, (text) => decodeSlice(text, isFolded === true || selection !== undefined))
  }

  readSizes({ ranges, epoch, ...asking }: Parameters<Transport['readSizes']>[0]): Promise<ReadSizes> {
    return this.#read(this.#address('/sizes', { seq: formatSeqs(ranges), epoch }), asking, decodeSizes)
  }

  readObjects({ filters, epoch, ...asking }: Parameters<Transport['readObjects']>[0]): Promise<ObjectList> {
    return this.#read(this.#address('/objects', { epoch, filter: textsOf(filters) }), asking, decodeObjectList)
  }

  readSnapshot(asking: Asking): Promise<SnapshotIndex> {
    return this.#read(this.#address('/snapshot', {}), asking, decodeSnapshotIndex)
  }

  readHash({ seq, epoch, ...asking }: Parameters<Transport['readHash']>[0]): Promise<{ readonly hash: string }> {
    return this.#read(this.#address('/hash', { seq: String(seq), epoch }), asking, decodeHash)
  }

  readChunk({ hash, ...asking }: Parameters<Transport['readChunk']>[0]): Promise<ChunkEvents> {
    return this.#read(this.#address(`/snapshot/${hash}`, {}), asking, decodeChunk)
  }

  async #read<T>(address: URL, asking: Asking, decode: (text: string) => T): Promise<T> {
    const answer = await this.#get(address, asking)
    if (!answer.ok) throw (await refusalOf(answer)) ?? new Refusal('unavailable')
    const text = await answer.text().catch(fail)
    try {
      return decode(text)
    } catch (error) {
      // Whoever answered was something on the way, or speaks another version of the protocol: somebody has to know.
      throw new Error('The answer is not of the server.', { cause: error })
    }
  }

  /** Asks for as little as there is, with the same filters: it may be these that are refused. */
  async #reason(token: string, filters: readonly ObjectFilter[]): Promise<Closing> {
    const address = filters.length === 0 ? this.#address('', {}) : this.#address('/events', { seq: '0', filter: textsOf(filters) })
    try {
      const answer = await this.#get(address, { token })
      const refusal = answer.ok ? undefined : await refusalOf(answer)
      return refusal === undefined ? {} : { refusal: refusal.code }
    } catch (error) {
      // There is no network: no reason but that.
      return error instanceof Refusal ? { refusal: error.code } : {}
    }
  }

  async #get(address: URL, { token, withinMs }: Asking): Promise<Response> {
    const request = new Request(address, {
      headers: headersOf(token),
      // What is read is kept in the store: a copy in the browser's cache would outlive a redaction.
      cache: 'no-store',
      // Some platforms take whole milliseconds alone.
      signal: withinMs === undefined ? null : AbortSignal.timeout(Math.ceil(withinMs)),
    })
    return fetch(request).catch(fail)
  }

  #address(path: string, query: Record<string, string | readonly string[]>): URL {
    const address = new URL(this.#stream)
    address.pathname += path
    const pairs = Object.entries(query).flatMap(([name, values]) => [values].flat().map((value) => [name, value]))
    address.search = new URLSearchParams(pairs).toString()
    return address
  }
}

function textsOf(filters: readonly ObjectFilter[] = []): readonly string[] {
  return filters.map((filter) => JSON.stringify(filter))
}

/** Throws `token-invalid` for what no header can carry. */
function headersOf(token: string): Headers {
  try {
    return new Headers({ Authorization: `Bearer ${token}`, Accept: 'application/json' })
  } catch (error) {
    throw new Refusal('token-invalid', { detail: error instanceof Error ? error.message : String(error) })
  }
}

function fail(error: unknown): never {
  throw new ReadFailure('The server was not reached.', { cause: error })
}

/** Undefined when the answer is none of the server's. */
async function refusalOf(answer: Response): Promise<Refusal | undefined> {
  const problem: unknown = await answer.json().catch(() => undefined)
  const { code, at, detail } = (typeof problem === 'object' && problem !== null ? problem : {}) as Readonly<Record<string, unknown>>
  const details = { ...(typeof at === 'string' ? { at } : {}), ...(typeof detail === 'string' ? { detail } : {}) }
  return isCode(code) ? new Refusal(code, details) : undefined
}
