/** Fan-out: what one delivery costs when a thousand sockets listen, one event at a time and twenty at once. */
import { Publisher } from './append.ts'
import { LiveSocket } from './live-socket.ts'
import { compareCosts, type Effort } from './measure.ts'
import { costRows, type Row } from './report.ts'
import type { Server } from './workerd.ts'

const listenerCount = 1000

export async function benchFanOut(servers: readonly Server[], effort: Effort): Promise<Row[]> {
  const rows: Row[] = []
  for (const { batch, target, name } of [
    { batch: 1, target: 1.2, name: 'one event at a time' },
    { batch: 20, target: 1.2, name: '20 events at once' },
  ]) {
    const costs = await compareCosts(servers, effort, async (server, round) => {
      const audience = await Audience.gather(server, `fan-out-${batch}-${round}`)
      return { run: (isOver) => audience.publishTo(batch, isOver), end: () => audience.leave() }
    })
    rows.push(...costRows(`${listenerCount} sockets, ${name}`, 'delivery', { costs, target, units: 'deliveries' }))
  }
  return rows
}

/** A publisher and those who listen to it; the publisher's own delivery counts too. */
class Audience {
  readonly #publisher: Publisher
  readonly #listeners: LiveSocket[] = []
  #slices = 0
  #onEverybody: () => void = () => {}

  private constructor(publisher: Publisher) {
    this.#publisher = publisher
  }

  static async gather(server: Server, stream: string): Promise<Audience> {
    const audience = new Audience(await Publisher.open(server, stream))
    const onFrame = (head: string) => {
      if (head.startsWith('{"type":"slice"') && ++audience.#slices % listenerCount === 0) audience.#onEverybody()
    }
    const path = `/v1/streams/${stream}/live`
    // All of these are accepted while few are under way: a flood of connections is not what is measured.
    while (audience.#listeners.length < listenerCount) {
      audience.#listeners.push(...(await Promise.all(Array.from({ length: 50 }, () => LiveSocket.open(server, path, onFrame)))))
    }
    return audience
  }

  /** Publishes again when everybody has the batch before; gives the number of deliveries. */
  async publishTo(batch: number, isOver: () => boolean): Promise<number> {
    let deliveries = 0
    while (!isOver()) {
      const everybody = new Promise<void>((resolve) => {
        this.#onEverybody = resolve
      })
      await Promise.all([everybody, this.#publisher.publishCount(batch, { batch, inFlight: 1 })])
      deliveries += batch * (listenerCount + 1)
    }
    return deliveries
  }

  leave(): void {
    this.#publisher.close()
    for (const listener of this.#listeners) listener.close()
  }
}
