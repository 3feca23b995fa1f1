/**
 * The limit: the least that a Durable Object can do to keep a tape, tuned by hand. It parses a frame, numbers its
 * drafts, stores a group as one row, broadcasts it as one frame, and sends stored bytes as they are. It has no
 * tokens, checks, deduplication, or recovery of any kind: it is a yardstick, not a server. Runs in workerd.
 */
import { DurableObject } from 'cloudflare:workers'

/** A row holds 2 MB at most. */
const groupLengthMax = 1_000_000

export default {
  fetch(request, env) {
    const stream = request.url.split('/', 6)[5]
    return env.STREAMS.get(env.STREAMS.idFromName(stream)).fetch(request)
  },
}

export class StreamObject extends DurableObject {
  #sql
  #sockets
  #nextSeq
  #first = 0
  #lines = ''
  #stored = Promise.withResolvers()

  constructor(state, env) {
    super(state, env)
    this.#sql = state.storage.sql
    this.#sql.exec('CREATE TABLE IF NOT EXISTS tape (last INTEGER PRIMARY KEY, first INTEGER NOT NULL, body TEXT NOT NULL)')
    this.#nextSeq = (this.#sql.exec('SELECT max(last) AS last FROM tape').one().last ?? -1) + 1
    this.#sockets = new Set(state.getWebSockets())
  }

  async fetch(request) {
    if (request.method === 'POST') return this.#publish(request)
    const query = request.url.slice(request.url.indexOf('?'))
    return query.startsWith('?count') ? this.#read(new URLSearchParams(query)) : this.#connect()
  }

  webSocketMessage(_socket, message) {
    this.#append(JSON.parse(message).drafts)
  }

  webSocketClose(socket) {
    this.#sockets.delete(socket)
  }

  #connect() {
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server)
    this.#sockets.add(server)
    server.send(`{"type":"welcome","latestSeq":${this.#nextSeq - 1}}`)
    return new Response(null, { status: 101, webSocket: client })
  }

  async #publish(request) {
    const { drafts } = await request.json()
    const first = this.#nextSeq
    const stored = this.#stored.promise
    this.#append(drafts)
    await stored
    return new Response(`{"seqs":[[${first},${first + drafts.length - 1}]]}`)
  }

  /** Whole rows from a seq on, until they hold `count` events; the header says how far they reach. */
  #read(query) {
    const from = Number(query.get('from'))
    const end = from + Number(query.get('count'))
    const rows = this.#sql.exec('SELECT first, last, body FROM tape WHERE last >= ? ORDER BY last', from).raw()
    let text = ''
    let last = from - 1
    for (const [, end_, body] of rows) {
      text += text === '' ? body : `,${body}`
      last = end_
      if (last + 1 >= end) break
    }
    return new Response(`{"events":[${text}]}`, { headers: { last } })
  }

  #append(drafts) {
    if (this.#lines === '') {
      this.#first = this.#nextSeq
      void this.#collect()
    }
    for (const draft of drafts) draft.seq = this.#nextSeq++
    const lines = JSON.stringify(drafts).slice(1, -1)
    this.#lines = this.#lines === '' ? lines : `${this.#lines},${lines}`
    if (this.#lines.length > groupLengthMax) this.#store()
  }

  /**
   * A timer of 0 ms takes a whole one, so one hop of the event loop shows first whether anybody waits beside this
   * publish: if not it is stored at once, and otherwise the timer gathers whatever is under way.
   */
  async #collect() {
    await null
    const { length } = this.#lines
    await new Response('x').text()
    if (this.#lines.length === length) this.#store()
    else setTimeout(() => this.#store(), 0)
  }

  #store() {
    if (this.#lines === '') return
    const body = this.#lines
    const first = this.#first
    const last = this.#nextSeq - 1
    this.#lines = ''
    this.#sql.exec('INSERT INTO tape VALUES (?, ?, ?)', last, first, body)
    const frame = `{"type":"slice","latestSeq":${last},"events":[${body}]}`
    for (const socket of this.#sockets) socket.send(frame)
    this.#stored.resolve()
    this.#stored = Promise.withResolvers()
  }
}
