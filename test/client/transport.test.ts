/** The simulation's network keeps what the client is promised of a transport. */
import type { Transport } from '../../src/client/index.ts'
import { type TransportRig, transportContract } from '../contract/transport.ts'
import { SimNetwork } from '../simulation/sim-network.ts'
import { SimServer } from '../simulation/sim-server.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { VirtualTime } from '../support/virtual-time.ts'

/** Longer than any delay, so that what has not come by then will not. */
const longMs = 10_000

async function createRig(): Promise<TransportRig> {
  const time = new VirtualTime()
  const server = new SimServer(time)
  const temper = { loss: 0, failure: 0, delayMsMax: 20 }
  const network = new SimNetwork(server, { time, random: new SeededRandom(1), temper })
  const way = network.transport()
  const transport: Transport = {
    ...way,
    connect: (request, events) => {
      const link = way.connect(request, events)
      if (temper.failure === 1) network.cutAll()
      return link
    },
  }
  return {
    transport,
    token: 'token',
    publish: async (count) => {
      for (let i = 0; i < count; i++) {
        const drafts = [{ seen: -1, type: 'insert', collection: 'things', identifier: `thing-${i}`, values: {} }] as const
        server.core.committer.submit({ sub: 'script', publish: { drafts } }, () => {})
      }
      await time.advance(1)
    },
    cut: () => network.cutAll(),
    setDown: (isDown) => {
      temper.failure = isDown ? 1 : 0
    },
    until: async (condition) => {
      for (const end = time.now + longMs; !condition(); ) {
        if (time.now > end) throw new Error('It did not come about.')
        await time.advance(1)
      }
    },
    dispose: async () => {},
  }
}

transportContract('simulated', createRig)
