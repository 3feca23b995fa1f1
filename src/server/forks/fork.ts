/** What a stream is a fork of, and how far it has been made of that. */
import type { WantedFork } from '../../protocol/settings.ts'

export interface Fork {
  /** The stream that it was made of. */
  readonly of: string
  readonly through: number
  /** Whether it was asked for as the whole tape, wherever that ended. */
  readonly isWhole: boolean
  /** Absent when it is made. */
  readonly making?: Making
}

export interface Making {
  readonly stage: Stage
  /** The parent's; under another one what has been made is worthless. */
  readonly epoch: string
  /** Segments up to here are shared; the rest stands in rows. */
  readonly sharedTo: number
  readonly indexes: readonly IndexPlan[]
  /** The seq with which a stage that goes through seqs goes on. */
  readonly next: number
  /** The client behind which `clients` goes on. */
  readonly after: string
  /** Where the parent ended when the last of its clients were read. */
  readonly end: number
}

export type Stage = 'noting' | 'segments' | 'snapshot' | 'rows' | 'clients' | 'counters'

export interface IndexPlan {
  readonly name: string
  readonly pointer: string
}

/** Whether what was asked for then is what is asked for now. Whoever asked for the whole tape may by now know where it ended. */
export function isSameFork(fork: Fork, { forkOf, through }: WantedFork): boolean {
  return fork.of === forkOf && (through === undefined ? fork.isWhole : through === fork.through)
}
