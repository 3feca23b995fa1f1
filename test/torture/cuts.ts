/** Pulls the network's plug: every connection of every client meets one mishap after the other, until enough have been. */
import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '../support/seeded-random.ts'
import { ChaosProxy, type Manner } from './chaos-proxy.ts'
import { Crew, type Finding } from './crew.ts'
import type { PlugOptions, PlugReport } from './plug.ts'
import { WorkerdServer } from './workerd-server.ts'

/** After so many, everything is checked and a new stream is begun, so that a long run needs no more memory than a short one. */
const roundCuts = 1000
const publishers = 9
const subscribers = 3
/** A dead connection is noticed after 35 s of a client's time. */
const timeScale = 100

export async function pullNetworkPlug({ count, seed, progress }: PlugOptions): Promise<PlugReport> {
  const server = await WorkerdServer.create()
  const random = new SeededRandom(seed)
  const violations: Finding['violations'][number][] = []
  const manners: Partial<Record<Manner, number>> = {}
  let done = 0
  let events = 0
  try {
    await server.start()
    for (let round = 0; done < count && violations.length === 0; round++) {
      const goal = Math.min(done + roundCuts, count)
      const finding = await cutRound(server, {
        stream: `cuts-${round}`,
        random,
        mayHappen: () => done < goal,
        onMishap: (manner) => {
          done++
          manners[manner] = (manners[manner] ?? 0) + 1
        },
        progress: () => progress(`${done} of ${count} cuts, ${events} events checked`),
      })
      events += finding.events
      violations.push(...finding.violations)
    }
  } finally {
    await server.stop()
  }
  const ways = Object.entries(manners).map(([manner, times]) => `${times} ${manner}`)
  return { summary: `${done} cuts (${ways.join(', ')}), ${events} events`, violations }
}

interface Round {
  readonly stream: string
  readonly random: SeededRandom
  readonly mayHappen: () => boolean
  readonly onMishap: (manner: Manner) => void
  readonly progress: () => void
}

async function cutRound(server: WorkerdServer, { stream, random, mayHappen, onMishap, progress }: Round): Promise<Finding> {
  // A network for each client: what happens to one does not happen to all.
  const proxies = await Promise.all(
    Array.from({ length: publishers + subscribers }, () =>
      ChaosProxy.start(server.port, {
        random: new SeededRandom(random.below(2 ** 32)),
        mayHappen,
        onMishap: ({ manner }) => onMishap(manner),
      }),
    ),
  )
  const portOf = (index: number) => (proxies[index] as ChaosProxy).port
  const crew = await Crew.start({ server, stream, publishers, subscribers, seed: random.below(2 ** 32), timeScale, portOf })
  try {
    crew.startEditing()
    while (mayHappen()) {
      crew.hurry()
      progress()
      await sleep(5)
    }
    for (const proxy of proxies) proxy.calm()
    return await crew.finish()
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()))
  }
}
