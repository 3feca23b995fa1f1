/**
 * A hash of what the tape has made of all objects up to a seq: the same however it was worked out, event by event, from
 * folded runs, from a snapshot or in a client. Of each object it takes in the insert that it lives by, if it does, and the
 * fields that stand, with their stamps. A dead object without any is as one that never was.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { toBase64url } from './base64.ts'
import type { TapeEvent } from './event.ts'
import { foldEvents, groupByObject } from './fold.ts'
import { applyEvent, type ObjectState, unborn, writeOf } from './object-state.ts'

export interface ObjectHash {
  readonly collection: string
  readonly identifier: string
  /** SHA-256 in base64url. */
  readonly hash: string
}

/** `events`: all of 0 … through, folded or not, in any order. In no order. */
export function objectHashes(events: readonly TapeEvent[], through: number): readonly ObjectHash[] {
  return [...hashesOf(events, through)]
}

/** The same one by one, for whoever has others to let have their turn. */
export function* hashesOf(events: readonly TapeEvent[], through: number): Generator<ObjectHash, void> {
  for (const group of groupByObject(foldEvents(events, [[0, through]])).values()) {
    const { collection, identifier } = group[0] as TapeEvent
    const text = textOf(group.reduce(applyEvent, unborn))
    if (text !== undefined) yield { collection, identifier, hash: hashOf(JSON.stringify([collection, identifier, text])) }
  }
}

/** Of all objects together, in base64url. */
export function stateHash(objects: readonly ObjectHash[]): string {
  return hashOf(
    objects
      .map(({ hash }) => hash)
      .sort()
      .join(''),
  )
}

function textOf(state: ObjectState): string | undefined {
  const fields = Object.keys(state.values).sort()
  if (!state.isAlive && fields.length === 0) return undefined
  return JSON.stringify([
    state.isAlive ? state.since.seq : -1,
    fields.map((field) => [field, writeOf(state, field).seq, state.values[field]]),
  ])
}

function hashOf(text: string): string {
  return toBase64url(sha256(utf8ToBytes(text)))
}
