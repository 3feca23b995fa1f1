/**
 * The fold: how much shorter the edit distance gets. Drafts made offline run through a whole client, and come to what
 * its status says; the same run, made by others, comes to what a returning client gives its models.
 */
import { type Change, type Draft, foldDrafts, foldEvents, type TapeEvent, utf8Length } from '../../src/protocol/index.ts'
import { TestStream } from '../support/test-stream.ts'
import { cpuUs, type Effort, median } from './measure.ts'
import type { Table } from './report.ts'
import { makeTraces, type Trace } from './traces.ts'

interface Size {
  readonly count: number
  readonly bytes: number
}

/** So many events are folded in one measurement, whatever the length of a trace. */
const foldedPerRound = 200_000

export async function benchFold(effort: Effort): Promise<readonly Table[]> {
  const sizes: Table['rows'][number][] = []
  const costs: Table['rows'][number][] = []
  for (const trace of makeTraces()) {
    const { made, waiting } = await spendOffline(trace)
    sizes.push(shortening(`${trace.name}: drafts`, made.count, waiting.count), shortening('  bytes', made.bytes, waiting.bytes))
    const { run, given } = await comeBack(trace)
    sizes.push(shortening('  made by others: events applied', run.count, given.count), shortening('  bytes', run.bytes, given.bytes))
    const events = eventsOf(trace.changes, trace.present.length)
    const drafts = draftsOf(trace)
    costs.push({
      figure: trace.name,
      cells: [foldCost(events, effort, () => foldEvents(events)), foldCost(drafts, effort, () => foldDrafts(drafts, isPresent(trace)))],
    })
  }
  return [
    { title: 'edit distance', columns: ['before', 'after', 'less by', 'ratio'], rows: sizes },
    { title: 'fold, µs of CPU per change', columns: ['foldEvents', 'foldDrafts'], rows: costs },
  ]
}

function shortening(figure: string, before: number, after: number) {
  return {
    figure,
    cells: [before, after, `${((1 - after / before) * 100).toFixed(1)} %`, after === 0 ? '∞' : `${(before / after).toFixed(1)}×`],
  }
}

/** What was made, and what of it waits to be sent. */
async function spendOffline({ present, changes }: Trace): Promise<{ readonly made: Size; readonly waiting: Size }> {
  const rig = await rigAfter(present)
  rig.stream.pause()
  for (const change of changes) rig.stream.publish(change)
  await rig.settle()
  const { drafts, bytes } = rig.stream.status.outbox
  const made = draftsOf({ present, changes })
  rig.stream.close()
  return { made: { count: made.length, bytes: bytesOf(made) }, waiting: { count: drafts, bytes } }
}

/** What others did meanwhile, and what of it the models of a client that comes back are given. */
async function comeBack({ present, changes }: Trace): Promise<{ readonly run: Size; readonly given: Size }> {
  const rig = await rigAfter(present)
  const given: TapeEvent[] = []
  rig.stream.attach({
    receiver: undefined,
    apply: (events) => void given.push(...events),
    reset: () => {},
  })
  await rig.settle()
  given.splice(0)
  const events = eventsOf(changes, present.length)
  await rig.slice([[present.length, present.length + changes.length - 1]], {
    events,
    latestSeq: present.length + changes.length - 1,
  })
  rig.stream.close()
  return { run: { count: events.length, bytes: bytesOf(events) }, given: { count: given.length, bytes: bytesOf(given) } }
}

/** A client that is online and has seen this much. */
async function rigAfter(present: readonly Change[]): Promise<TestStream> {
  const rig = new TestStream()
  await rig.welcome(present.length - 1)
  if (present.length > 0) await rig.slice([[0, present.length - 1]], { events: eventsOf(present, 0), latestSeq: present.length - 1 })
  return rig
}

function eventsOf(changes: readonly Change[], firstSeq: number): readonly TapeEvent[] {
  return changes.map((change, index) => ({ seq: firstSeq + index, client: 'others', counter: index + 1, seen: firstSeq - 1, ...change }))
}

function draftsOf({ present, changes }: Omit<Trace, 'name'>): readonly Draft[] {
  return changes.map((change) => ({ ...change, seen: present.length - 1 }))
}

function isPresent({ present }: Trace): (draft: Draft) => boolean {
  const identifiers = new Set(present.map(({ identifier }) => identifier))
  return ({ identifier }) => identifiers.has(identifier)
}

function bytesOf(changes: readonly Change[]): number {
  return changes.reduce((sum, change) => sum + utf8Length(JSON.stringify(change)), 0)
}

function foldCost(run: readonly Change[], { rounds }: Effort, fold: () => unknown): number {
  const times = Math.ceil(foldedPerRound / run.length)
  const round = () => cpuUs(() => Array.from({ length: times }, fold)) / times / run.length
  round()
  return median(Array.from({ length: rounds }, round))
}
