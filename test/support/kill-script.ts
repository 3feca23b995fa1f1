/** What is done to a stream's object, in peace and then killed on the way, as often as it takes on the same beginnings. */
import type { Redaction } from '../../src/protocol/redaction.ts'
import { MemoryBlobs } from './memory-blobs.ts'
import { MortalObject, type Place } from './mortal-object.ts'
import { ObjectDisk } from './object-disk.ts'
import { submission } from './tape-state.ts'
import { draftAt } from './upkept-stream.ts'

export interface Action {
  readonly run: (object: MortalObject, place: Place) => unknown
  /** Nobody asks for it again when it was killed. */
  readonly isOnce?: true
}

export interface Script {
  /** Done in peace. */
  readonly before: readonly Action[]
  /** Killed. */
  readonly actions: readonly Action[]
}

export const settle: Action = { run: (object) => object.settle() }
export const settleOnce: Action = { ...settle, isOnce: true }
export const declare: Action = { run: ({ core }) => core.declareIndex('project', '/project') }
/** A tape as short as these is not looked at by itself again. */
export const wake: Action = { run: ({ core }) => core.configure({}) }
export const erase: Action = { run: ({ core }) => core.erase() }
export const redacting = (redaction: Redaction): Action => ({ run: (object) => object.redact(redaction) })

/** A stream with a sealed tape, a snapshot and an index. */
export const sealed: readonly Action[] = [...publishing(0, 45), declare, settle]

/** Rows of five. */
export function publishing(from: number, to: number): readonly Action[] {
  return Array.from({ length: (to - from) / 5 }, (_, row) => {
    const drafts = Array.from({ length: 5 }, (_, i) => draftAt(from + row * 5 + i))
    return {
      run: (object) => {
        const [verdict] = object.publish(submission('writer', drafts))
        if (verdict?.type !== 'taken') throw new Error('The tape does not take what is published.', { cause: verdict })
      },
    }
  })
}

/** Gives what kills the object at these steps, the later ones counted from its revival; each time on what has been done before. */
export async function prepare({ before, actions }: Script, hasBucket: boolean): Promise<(...kills: readonly number[]) => Promise<Played>> {
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
