/** A stream to look after, what it is to be in the end, and what is wrong with it. */
import { expect } from 'vitest'
import { objectHashes, stateHash, type TapeEvent } from '../../src/protocol/index.ts'
import { type Redaction, redactedEvent } from '../../src/protocol/redaction.ts'
import { namesOf } from '../../src/server/sealed/known-names.ts'
import { parseChunk, type Snapshots } from '../../src/server/sealed/snapshot.ts'
import { parseLines } from '../../src/server/tape/lines.ts'
import type { Page } from '../../src/server/tape/slice-reader.ts'
import { MortalObject, type Place } from './mortal-object.ts'
import type { ObjectDisk } from './object-disk.ts'
import { SeededRandom } from './seeded-random.ts'
import { type Draft, draft, submission } from './tape-state.ts'

/** What a stream is in the end: as it is read in all ways, and what is wrong with what it keeps. */
export interface Outcome {
  readonly events: readonly TapeEvent[]
  readonly filtered: readonly TapeEvent[]
  readonly wrong: readonly string[]
}

const marker = 'Mallory'
const selection = { any: [{ project: ['p1'] }], except: [] }
const all = [[0, 1_000_000]] as const
const bytesMax = 1_000_000

/** Some of them were overwritten soon, so folded forms do without them. */
const secrets = [7, 8, 23]
export const ofEvents: Redaction = { seq: secrets.map((seq) => [seq, seq] as const), reason: 'A complaint.' }
export const ofObject: Redaction = { collection: 'tasks', identifier: marker, reason: 'They asked for it.' }

/** On few objects, so that much of them folds; one goes by the marker's name. */
export function draftAt(seq: number): Draft {
  const random = new SeededRandom(seq)
  const identifier = secrets.includes(seq - 3) ? marker : `task-${random.below(8)}`
  const isInsert = seq < 9 || secrets.includes(seq - 1)
  const values = { title: secrets.includes(seq) ? `${marker} ${seq}` : `Title ${seq}`, project: `p${random.below(3)}` }
  return draft(seq + 1, {
    identifier: secrets.includes(seq - 1) ? draftAt(seq - 1).identifier : identifier,
    type: isInsert ? 'insert' : 'update',
    values,
  })
}

async function eventsOf(page: Page | Promise<Page>): Promise<readonly TapeEvent[]> {
  return (await page).pieces.flatMap(parseLines)
}

export async function outcomeOf(place: Place): Promise<Outcome> {
  const object = new MortalObject(place)
  const { core, contents } = object
  const events = await eventsOf(core.reads.read(all, { bytesMax }))
  const through = events.length - 1
  const hashAt = (seq: number, some = events) => stateHash(objectHashes(some, seq))
  const { current } = core.sealed.snapshots()
  const snapshot = (await Promise.all((current?.chunks ?? []).map((chunk) => contents.get(chunk)))).flatMap(parseChunk)
  const [folded, { hash }] = [await eventsOf(core.reads.readFolded(all, {})), await core.reads.hashAt(through, undefined)]
  const sealedTo = [...core.sealed.segmentsFrom(0)].at(-1)?.last
  const wrong = [
    events.some(({ seq }, index) => seq !== index) && 'The tape is not dense.',
    hash !== hashAt(through) && 'The hash is not that of the tape.',
    hashAt(through, folded) !== hash && 'The fold is not that of the tape.',
    current?.through !== sealedTo && 'The snapshot is not of all that is sealed.',
    current !== undefined &&
      hashAt(current.through, snapshot) !== hashAt(current.through, events.slice(0, current.through + 1)) &&
      'The snapshot is not that of the tape.',
    object.publish(submission('writer', [draftAt(through)]))[0]?.type !== 'taken' && 'It does not know whom it has taken what from.',
    ...leftovers(place, core.sealed.snapshots(), namesOf(core.sealed)),
  ]
  return {
    events,
    filtered: await eventsOf(core.reads.readFiltered(selection, all, { bytesMax })),
    wrong: wrong.filter((one) => one !== false),
  }
}

function leftovers({ disk, bucket }: Place, { draft: begun, garbage, isUnclean }: Snapshots, names: readonly string[]) {
  const kept = bucket === undefined ? blobsIn(disk) : [...bucket.blobs.keys()]
  return [
    begun !== undefined && 'A snapshot is half made.',
    (garbage.length > 0 || isUnclean === true) && 'Something is still to be removed.',
    kept.toSorted().join() !== names.toSorted().join() && `There are ${kept.length} blobs, and ${names.length} are spoken of.`,
    bucket !== undefined && blobsIn(disk).length > 0 && 'There are blobs in rows.',
    disk.tables.some((name) => name.startsWith('scrubbed')) && 'There are tables left over.',
  ]
}

function blobsIn(disk: ObjectDisk): readonly string[] {
  return disk.sql
    .exec<{ name: string }>('SELECT name FROM blob')
    .toArray()
    .map(({ name }) => name)
}

/** Everything that is kept, as one text. */
function textOf({ disk, bucket }: Place): string {
  const decoder = new TextDecoder()
  return [disk.text, ...[...(bucket?.blobs.values() ?? [])].map((body) => decoder.decode(body))].join('\n')
}

/** Fails when anything of a stream is left. */
export function checkGone({ disk, bucket, ...place }: Place, at: string): void {
  expect(() => new MortalObject({ disk, bucket, ...place }).core.state, at).toThrow('stream-deleted')
  const rows = disk.tables.filter((name) => disk.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${name}`).one().n > 0)
  expect([rows, bucket?.blobs.size ?? 0, disk.alarm], at).toEqual([['stream'], 0, undefined])
}

/** Fails when anything is left of what a redaction takes away. */
export async function checkRedacted(
  place: Place,
  at: string,
  { before, redaction }: { before: Outcome; redaction: Redaction },
): Promise<void> {
  const { events, wrong } = await outcomeOf(place)
  expect({ events, wrong }, at).toEqual({ events: before.events.map((event) => redactedEvent(event, redaction)), wrong: [] })
  expect(textOf(place).includes('seq' in redaction ? `${marker} ` : `"${marker}"`), at).toBe(false)
}
