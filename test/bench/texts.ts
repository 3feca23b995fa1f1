/**
 * What a text costs, beside Yjs on the same edits: a real history, applied keystroke by keystroke as it comes from others;
 * what each edit weighs; and what a changed line of a large file takes. `--traces` names a folder with
 * `automerge-paper.json.gz` and `friendsforever.json.gz`, of two who type at once; without it a history is made up, of the same size and from a seed.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import * as Y from 'yjs'
import { Text } from '../../src/models/index.ts'
import { composeAll, diff, type Splices, splice, type TapeEvent, transform, writeDeltas } from '../../src/protocol/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { cpuUs, type Effort, median } from './measure.ts'
import { bytesOf } from './models-node.ts'
import type { Table } from './report.ts'

export type Patch = readonly [offset: number, removed: number, inserted: string]

export interface History {
  readonly name: string
  readonly patches: readonly Patch[]
  readonly end: string
}

const context = { client: 'me', holes: [] }

export function benchTexts({ rounds }: Effort, traces: string | undefined): readonly Table[] {
  const history = readHistory(traces)
  const merged = traces === undefined ? [] : [merging(readConcurrent(traces))]
  return [applying(history, rounds), weighing(history), ...merged, changedFile()]
}

export function readHistory(traces: string | undefined): History {
  const path = traces === undefined ? undefined : join(traces, 'automerge-paper.json.gz')
  if (path === undefined) return madeUp()
  if (!existsSync(path)) throw new Error(`There is no ${path}: --traces names the folder that holds automerge-paper.json.gz.`)
  const { txns, endContent } = JSON.parse(gunzipSync(readFileSync(path)).toString()) as {
    txns: readonly { readonly patches: readonly Patch[] }[]
    endContent: string
  }
  return { name: 'automerge-paper', patches: txns.flatMap(({ patches }) => patches), end: endContent }
}

/** Somebody types a word here and a word there, and takes back every third letter or so. */
function madeUp(): History {
  const random = new SeededRandom(1)
  const patches: Patch[] = []
  let length = 0
  let cursor = 0
  const text = new Text('notes')
  while (patches.length < 250_000) {
    if (random.chance(0.02)) cursor = random.below(length + 1)
    const takesBack = cursor > 0 && random.chance(0.3)
    const patch: Patch = takesBack ? [cursor - 1, 1, ''] : [cursor, 0, random.pick([...'etaoin shrdlu'])]
    cursor += takesBack ? -1 : 1
    length += takesBack ? -1 : 1
    patches.push(patch)
  }
  text.apply(eventsOf(patches), [], context)
  return { name: 'made up', patches, end: text.value }
}

function eventsOf(patches: readonly Patch[]): readonly TapeEvent[] {
  return patches.map(([offset, removed, inserted], seq) => {
    const deltas = writeDeltas([{ offset, removed, inserted: inserted || undefined }])
    const maker = { client: 'writer', counter: seq + 1, seen: seq - 1 }
    return { seq, ...maker, type: 'update', collection: 'notes', identifier: 'text', deltas: { text: deltas } }
  })
}

/** The updates that a Yjs document gives out, one for each edit. */
export function updatesOf(patches: readonly Patch[]): readonly Uint8Array[] {
  const updates: Uint8Array[] = []
  const doc = new Y.Doc()
  doc.on('update', (update: Uint8Array) => updates.push(update))
  typeInto(doc, patches)
  return updates
}

function typeInto(doc: Y.Doc, patches: readonly Patch[]): void {
  const text = doc.getText('text')
  for (const [offset, removed, inserted] of patches) {
    doc.transact(() => {
      if (removed > 0) text.delete(offset, removed)
      if (inserted !== '') text.insert(offset, inserted)
    })
  }
}

function applying({ name, patches, end }: History, rounds: number): Table {
  const events = eventsOf(patches)
  const updates = updatesOf(patches)
  const tapeline = (size: number) => () => {
    const text = new Text('notes')
    for (let from = 0; from < events.length; from += size) text.apply(events.slice(from, from + size), [], context)
    if (text.value !== end) throw new Error('The text is not the recorded one.')
    return text
  }
  const yjs = () => {
    const doc = new Y.Doc()
    for (const update of updates) Y.applyUpdate(doc, update)
    if (doc.getText('text').toString() !== end) throw new Error('The text is not the recorded one.')
    return doc
  }
  const ms = (run: () => unknown) => median(Array.from({ length: rounds }, () => cpuUs(run) / 1000))
  const row = (figure: string, run: () => unknown) => ({ figure, cells: [ms(run)] })
  return {
    title: `${name}: ${patches.length} edits, ms of CPU`,
    columns: ['ms'],
    rows: [
      row('Tapeline, from others, one at a time', tapeline(1)),
      row('Tapeline, from others, in runs of 4 096', tapeline(4096)),
      row('Yjs, from others, one at a time', yjs),
      { figure: 'Tapeline: bytes in memory afterwards', cells: [bytesOf(tapeline(4096))] },
      { figure: 'Yjs: bytes in memory afterwards', cells: [bytesOf(yjs)] },
    ],
  }
}

function weighing({ name, patches, end }: History): Table {
  const events = eventsOf(patches)
  const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0)
  const updates = updatesOf(patches)
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return {
    title: `${name}: bytes`,
    columns: ['bytes'],
    rows: [
      { figure: 'the text', cells: [Buffer.byteLength(end)] },
      { figure: 'Tapeline: an event for each edit', cells: [sum(events.map((event) => Buffer.byteLength(JSON.stringify(event))))] },
      { figure: '  of it the deltas', cells: [sum(events.map(({ deltas }) => Buffer.byteLength(JSON.stringify(deltas))))] },
      { figure: 'Yjs: an update for each edit', cells: [sum(updates.map(({ length }) => length))] },
      { figure: 'Yjs: the whole document', cells: [Y.encodeStateAsUpdate(doc).length] },
      { figure: 'copying the text with each edit', cells: [copies(patches)] },
    ],
  }
}

function copies(patches: readonly Patch[]): number {
  let length = 0
  let total = 0
  for (const [, removed, inserted] of patches) {
    length += inserted.length - removed
    total += length
  }
  return total
}

export interface Concurrent {
  readonly endContent: string
  readonly txns: readonly { readonly parents: readonly number[]; readonly agent: number; readonly patches: readonly Patch[] }[]
}

export function readConcurrent(traces: string): Concurrent {
  return JSON.parse(gunzipSync(readFileSync(join(traces, 'friendsforever.json.gz'))).toString()) as Concurrent
}

/** Two people who typed at once: what each did is taken over what it did not know of, in the recorded order. */
function merging({ endContent, txns }: Concurrent): Table {
  const known = knownOf(txns)
  let concurrent = 0
  let text = ''
  const us = cpuUs(() => {
    // For each of the two, what the other did and it does not know of yet.
    const bridges: { readonly index: number; readonly splices: Splices<string> }[][] = [[], []]
    for (const [index, { agent, patches }] of txns.entries()) {
      const others = (bridges[agent] ?? []).filter((each) => each.index > (known[index]?.[1 - agent] ?? -1))
      if (others.length > 0) concurrent++
      let own = composeAll(patches.map(([offset, removed, inserted]) => [{ offset, removed, inserted: inserted || undefined }]))
      const isFirst = agent === 1
      bridges[agent] = others.map((each) => {
        const splices = transform(each.splices, own, isFirst ? 'earlier' : 'later')
        own = transform(own, each.splices, isFirst ? 'later' : 'earlier')
        return { ...each, splices }
      })
      bridges[1 - agent]?.push({ index, splices: own })
      text = splice(text, own)
    }
  })
  if (text !== endContent) throw new Error('The merged text is not the recorded one.')
  return {
    title: `friendsforever: ${txns.length} edits of two who type at once`,
    columns: [''],
    rows: [
      { figure: 'of them made without knowing of the other’s newest', cells: [concurrent] },
      { figure: 'merging, ms of CPU', cells: [us / 1000] },
    ],
  }
}

/** For each edit the newest of each person that was known when it was made. */
export function knownOf(txns: Concurrent['txns']): readonly (readonly [number, number])[] {
  const known: [number, number][] = []
  for (const { parents } of txns) {
    const newest: [number, number] = [-1, -1]
    for (const parent of parents) {
      for (const agent of [0, 1] as const) newest[agent] = Math.max(newest[agent], known[parent]?.[agent] ?? -1)
      const agent = txns[parent]?.agent === 0 ? 0 : 1
      newest[agent] = Math.max(newest[agent], parent)
    }
    known.push(newest)
  }
  return known
}

/** A file of a megabyte, one line of it changed and one byte put in at its start. */
function changedFile(): Table {
  const random = new SeededRandom(2)
  const lines = Array.from(
    { length: 16_000 },
    () => `${Array.from({ length: 8 }, () => random.below(10_000_000).toString(36)).join(' ')} and so on and on`,
  )
  const before = new TextEncoder().encode(lines.join('\n'))
  lines[7_777] = 'This line was changed by somebody.'
  const after = new TextEncoder().encode(`#${lines.join('\n')}`)
  let splices = diff(before, before)
  const us = cpuUs(() => {
    splices = diff(before, after)
  })
  const least = splices.reduce((total, { inserted }) => total + (inserted?.length ?? 0), 0)
  return {
    title: 'a file with one line changed and one byte put in at its start',
    columns: [''],
    rows: [
      { figure: 'bytes of the file', cells: [after.length] },
      { figure: 'bytes of the deltas', cells: [Buffer.byteLength(JSON.stringify(writeDeltas(splices)))] },
      { figure: 'bytes that are new', cells: [least] },
      { figure: 'finding the difference, ms of CPU', cells: [us / 1000] },
    ],
  }
}
