/**
 * Whatever a stream does in the background, and what an administrator asks for, is killed at every step: what can be read
 * is in the end what it would have been without, and nothing is left over, in rows or in the bucket.
 */
import { describe, expect, test } from 'vitest'
import { objectHashes, stateHash, type TapeEvent } from '../../src/protocol/index.ts'
import { type Redaction, redactedEvent } from '../../src/protocol/redaction.ts'
import type { FilterQuery } from '../../src/server/filters/filter.ts'
import { parseLines } from '../../src/server/lines.ts'
import { parseChunk } from '../../src/server/sealed/snapshot.ts'
import type { Page } from '../../src/server/slice-reader.ts'
import { namesOf } from '../../src/server/upkeep.ts'
import { MemoryBlobs } from '../support/memory-blobs.ts'
import { MortalObject, type Place } from '../support/mortal-object.ts'
import { ObjectDisk } from '../support/object-disk.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { type Draft, draft, submission } from '../support/tape-state.ts'

interface Action {
  readonly run: (object: MortalObject, place: Place) => unknown
  /** Nobody asks for it again when it was killed. */
  readonly isOnce?: true
}

interface Script {
  /** Done in peace. */
  readonly before: readonly Action[]
  /** Killed. */
  readonly actions: readonly Action[]
}

/** What a stream is in the end: as it is read in all ways, and what is wrong with what it keeps. */
interface Outcome {
  readonly events: readonly TapeEvent[]
  readonly filtered: readonly TapeEvent[]
  readonly wrong: readonly string[]
}

const marker = 'Mallory'
const query: FilterQuery = [['project', ['p1']]]
const all = [[0, 1_000_000]] as const
const bytesMax = 1_000_000

/** Some of them were overwritten soon, so folded forms do without them. */
const secrets = [7, 8, 23]
const ofEvents: Redaction = { seq: secrets.map((seq) => [seq, seq] as const), reason: 'A complaint.' }
const ofObject: Redaction = { collection: 'tasks', identifier: marker, reason: 'They asked for it.' }

/** Rows of five, on few objects, so that much of them folds; one goes by the marker's name. */
function publishing(from: number, to: number): Action[] {
  return Array.from({ length: (to - from) / 5 }, (_, row) => {
    const drafts = Array.from({ length: 5 }, (_, i) => draftAt(from + row * 5 + i))
    return { run: (object) => expect(object.publish(submission('writer', drafts))).toMatchObject([{ type: 'taken' }]) }
  })
}

function draftAt(seq: number): Draft {
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

const settle: Action = { run: (object) => object.settle() }
const settleOnce: Action = { ...settle, isOnce: true }
const declare: Action = { run: ({ core }) => core.declareIndex('project', '/project') }
/** A tape as short as these is not looked at by itself again. */
const wake: Action = { run: ({ core }) => core.configure({}) }
const erase: Action = { run: ({ core }) => core.erase() }
const redacting = (redaction: Redaction): Action => ({ run: (object) => object.redact(redaction) })

const sealed = [...publishing(0, 45), declare, settle]

/** Gives what kills the object at these steps, the later ones counted from its revival; each time on what has been done before. */
async function prepare({ before, actions }: Script, hasBucket: boolean): Promise<(...kills: readonly number[]) => Promise<Played>> {
  const place: Place = { disk: new ObjectDisk(), bucket: hasBucket ? new MemoryBlobs() : undefined, now: 1_000_000 }
  const first = new MortalObject(place)
  for (const { run } of before) await first.do((object) => run(object, place))
  const [undo, now, blobs] = [place.disk.keep(), place.now, [...(place.bucket?.blobs ?? [])]]
  return async (...kills) => {
    undo()
    place.now = now
    place.bucket?.blobs.clear()
    for (const [name, body] of blobs) place.bucket?.blobs.set(name, body)
    const steps = await play(place, actions, kills)
    await new MortalObject(place).do((last) => last.settle())
    return { place, steps }
  }
}

interface Played {
  readonly place: Place
  /** Of the last life. */
  readonly steps: number
}

async function play(place: Place, actions: readonly Action[], kills: readonly number[]): Promise<number> {
  const lives = [...kills]
  let object = new MortalObject(place, lives.shift())
  for (let at = 0; at < actions.length; ) {
    const { run, isOnce } = actions[at] as Action
    const isDead = (await object.do(() => run(object, place))) === 'dead'
    if (isDead) object = new MortalObject(place, lives.shift())
    if (!isDead || isOnce) at++
  }
  return object.steps
}

async function eventsOf(page: Page | Promise<Page>): Promise<readonly TapeEvent[]> {
  return (await page).pieces.flatMap(parseLines)
}

async function outcomeOf(place: Place): Promise<Outcome> {
  const object = new MortalObject(place)
  const { core, contents } = object
  const events = await eventsOf(core.reads.read(all, { bytesMax }))
  const through = events.length - 1
  const hashAt = (seq: number, some = events) => stateHash(objectHashes(some, seq))
  const { current } = core.snapshots()
  const snapshot = (await Promise.all((current?.chunks ?? []).map((chunk) => contents.get(chunk)))).flatMap(parseChunk)
  const [folded, { hash }] = [await eventsOf(core.reads.readFolded(all, {})), await core.reads.hashAt(through, undefined)]
  const sealedTo = [...core.segmentsFrom(0)].at(-1)?.last
  const wrong = [
    events.some(({ seq }, index) => seq !== index) && 'The tape is not dense.',
    hash !== hashAt(through) && 'The hash is not that of the tape.',
    hashAt(through, folded) !== hash && 'The fold is not that of the tape.',
    current?.through !== sealedTo && 'The snapshot is not of all that is sealed.',
    current !== undefined &&
      hashAt(current.through, snapshot) !== hashAt(current.through, events.slice(0, current.through + 1)) &&
      'The snapshot is not that of the tape.',
    object.publish(submission('writer', [draftAt(through)]))[0]?.type !== 'taken' && 'It does not know whom it has taken what from.',
    ...leftovers(place, core.snapshots(), namesOf(core)),
  ]
  return {
    events,
    filtered: await eventsOf(core.reads.readFiltered(query, all, { bytesMax })),
    wrong: wrong.filter((one) => one !== false),
  }
}

function leftovers(
  { disk, bucket }: Place,
  { draft: begun, garbage, isUnclean }: ReturnType<MortalObject['core']['snapshots']>,
  names: readonly string[],
) {
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

type Check = (place: Place, at: string) => Promise<void>

/** Once for each step that it makes, and then for some pairs of them. */
async function killEverywhere(script: Script, hasBucket: boolean, check: Check): Promise<void> {
  const killedAt = await prepare(script, hasBucket)
  const { steps, place } = await killedAt()
  await check(place, 'never')
  for (let step = 1; step <= steps; step++) await check((await killedAt(step)).place, `at ${step}`)
  const random = new SeededRandom(steps)
  for (let pair = 0; pair < pairs; pair++) {
    const kills = [1 + random.below(steps), 1 + random.below(30)]
    await check((await killedAt(...kills)).place, `at ${kills}`)
  }
}

const pairs = 8

async function isAsEver(script: Script, hasBucket: boolean): Promise<Check> {
  const killedAt = await prepare(script, hasBucket)
  const expected = await outcomeOf((await killedAt()).place)
  return async (place, at) => expect(await outcomeOf(place), at).toEqual({ ...expected, wrong: [] })
}

describe.each([
  ['a bucket', true],
  ['rows alone', false],
])('killed at every step, with %s', (_, hasBucket) => {
  test('[T5][T7][G4] a tape is sealed, snapshotted and indexed', async () => {
    const script: Script = { before: publishing(0, 45), actions: [declare, settle] }
    await killEverywhere(script, hasBucket, await isAsEver(script, hasBucket))
  })

  test('[T5][T7][P2] it goes on when more has come meanwhile, and removes what a newer snapshot leaves', async () => {
    const script: Script = {
      before: [...publishing(0, 25), declare, settle, ...publishing(25, 35), wake],
      actions: [settleOnce, ...publishing(35, 45), wake, settleOnce, ...publishing(45, 55), wake, settle],
    }
    await killEverywhere(script, hasBucket, await isAsEver(script, hasBucket))
  })
})

describe.each([
  ['events, with a bucket', ofEvents, true],
  ['an object, in rows alone', ofObject, false],
])('a redaction of %s, killed at every step', (_, redaction, hasBucket) => {
  const isRedacted = async (script: Script): Promise<Check> => {
    const before = await outcomeOf((await (await prepare({ ...script, actions: [] }, hasBucket))()).place)
    const expected = before.events.map((event) => redactedEvent(event, redaction))
    return async (place, at) => {
      const { events, wrong } = await outcomeOf(place)
      expect({ events, wrong }, at).toEqual({ events: expected, wrong: [] })
      const gone = 'seq' in redaction ? `${marker} ` : `"${marker}"`
      expect(textOf(place).includes(gone), at).toBe(false)
    }
  }

  test('[R1][R2][R3] and asked for again leaves nothing of it', async () => {
    const script = { before: sealed, actions: [redacting(redaction), settle] }
    await killEverywhere(script, hasBucket, await isRedacted(script))
  })

  test('[R1][R2][T5] nor where sealing was killed before', async () => {
    const script = { before: [...publishing(0, 35), declare], actions: [settleOnce, redacting(redaction), settle] }
    await killEverywhere(script, hasBucket, await isRedacted(script))
  })

  test('[R3] and not asked for again has either been or not', async () => {
    const script: Script = { before: sealed, actions: [{ ...redacting(redaction), isOnce: true }, settle] }
    const before = await outcomeOf((await (await prepare({ ...script, actions: [] }, hasBucket))()).place)
    const isRedactedNow = await isRedacted(script)
    await killEverywhere(script, hasBucket, async (place, at) => {
      if (new MortalObject(place).core.redactions().length > 0) return isRedactedNow(place, at)
      expect(await outcomeOf(place), at).toEqual({ ...before, wrong: [] })
    })
  })
})

describe.each([
  ['a bucket', true],
  ['rows alone', false],
])('the end of a stream, killed at every step, with %s', (_, hasBucket) => {
  const isGone: Check = async (place, at) => {
    const { disk, bucket } = place
    expect(() => new MortalObject(place).core.state, at).toThrow('stream-deleted')
    const rows = disk.tables.filter((name) => disk.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${name}`).one().n > 0)
    expect([rows, bucket?.blobs.size ?? 0, disk.alarm], at).toEqual([['stream'], 0, undefined])
  }

  test('[H11] by a request', async () => {
    await killEverywhere({ before: sealed, actions: [erase, settle] }, hasBucket, isGone)
    await killEverywhere({ before: [...publishing(0, 25), declare], actions: [settleOnce, erase, settle] }, hasBucket, isGone)
    const redaction: Action = { ...redacting(ofObject), isOnce: true }
    await killEverywhere({ before: sealed, actions: [redaction, erase, settle] }, hasBucket, isGone)
  })

  test('[V2] by itself', async () => {
    const expires: Action = { run: ({ core }) => core.configure({ expires: { idleSeconds: 3600 } }) }
    const later: Action = {
      run: (_, place) => {
        place.now += 3_600_000
      },
    }
    await killEverywhere({ before: [...sealed, expires, settle, later], actions: [settle] }, hasBucket, isGone)
  })
})
