/**
 * Pulls the server's plug: workerd is killed at random moments while everybody publishes, and started again on the
 * same storage. A kill may come while it boots, while the clients come back, or, mostly, in the middle of publishing.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '../support/seeded-random.ts'
import { Crew, type Finding } from './crew.ts'
import type { PlugOptions, PlugReport } from './plug.ts'
import { WorkerdServer } from './workerd-server.ts'

/** After so many, everything is checked and a new stream is begun, so that a long run needs no more memory than a short one. */
const roundKills = 250

export async function pullServerPlug({ count, seed, progress }: PlugOptions): Promise<PlugReport> {
  const server = await WorkerdServer.create()
  const random = new SeededRandom(seed)
  const violations: Finding['violations'][number][] = []
  let events = 0
  try {
    await server.start()
    for (let done = 0, round = 0; done < count && violations.length === 0; round++) {
      const kills = Math.min(roundKills, count - done)
      const crew = await Crew.start({
        server,
        stream: `kills-${round}`,
        publishers: 8,
        subscribers: 4,
        seed: random.below(2 ** 32),
        timeScale: 20,
      })
      crew.startEditing()
      for (let i = 0; i < kills; i++) {
        await killOnce(server, crew, random)
        progress(`${++done} of ${count} kills, ${events} events checked`)
      }
      const finding = await crew.finish()
      events += finding.events
      violations.push(...finding.violations)
      progress(`${done} of ${count} kills, ${events} events checked`)
    }
  } finally {
    await server.stop()
  }
  return { summary: `${count} kills of the server, ${events} events`, violations }
}

/** One kill at a random moment, and the start after it. */
async function killOnce(server: WorkerdServer, crew: Crew, random: SeededRandom): Promise<void> {
  const dice = random.next()
  const waitMs = random.below(40)
  const hurrying = setInterval(() => crew.hurry(), 5)
  if (dice > 0.2) await untilSomethingCame(crew)
  await sleep(waitMs)
  clearInterval(hurrying)
  await server.kill()
  crew.record({ type: 'killed', who: 'server' })
  const starting = server.start()
  if (dice < 0.1) {
    await sleep(random.below(60))
    await server.kill()
    await starting
    await server.start()
  } else {
    await starting
  }
  crew.record({ type: 'restarted', who: 'server' })
}

/** Until most are back and at least one has been told something new. */
async function untilSomethingCame(crew: Crew): Promise<void> {
  const latestSeqs = crew.clients.map(({ stream }) => stream.latestSeq)
  const deadline = Date.now() + 2000
  while (Date.now() < deadline) {
    const isNews = crew.clients.some(({ stream }, index) => stream.latestSeq > (latestSeqs[index] ?? -1))
    const online = crew.clients.filter(({ stream }) => stream.status.connection === 'online').length
    if (isNews && online > crew.clients.length / 2) return
    await sleep(2)
  }
}
