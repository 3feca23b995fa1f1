/** What a folder is told, and what it tells. */

export interface FolderOptions {
  /** Of the application's model: 1 by default. */
  readonly version?: number | undefined
  /** Names a new file, as no other is named: at random by default. */
  readonly newIdentifier?: (() => string) | undefined
  /** Told of what is on the tape and is no file: a script or a broken client wrote it. */
  readonly onProblem?: ((problem: FolderProblem) => void) | undefined
}

export interface FolderProblem {
  readonly type: 'malformed'
  readonly identifier: string
  /** For people. */
  readonly problem: string
}

/** A new value whenever something in it changes. */
export interface FolderFile {
  readonly identifier: string
  /** Where it shows: one whose path another file had before stands beside that, as `notes (2).txt`. */
  readonly path: string
  /** SHA-256 in base64url; undefined while the content is on its way. */
  readonly hash: string | undefined
  readonly isComplete: boolean
  /** In bytes, of what is there. */
  readonly size: number
  /** Parts of the content. */
  readonly progress: { readonly have: number; readonly total: number }
  /** Whether something of it is on no tape yet. */
  readonly isPending: boolean
}

export interface WriteOptions {
  /** The hash of the content that the new one was made of. */
  readonly basedOn?: string | undefined
}

export interface Written {
  /** Where it is now. */
  readonly path: string
  readonly hash: string
  /** What the change takes as JSON: 0 when there was nothing to change. */
  readonly bytes: number
}

export interface NewFile {
  readonly path: string
  readonly content: Uint8Array
}

export interface Added extends Written {
  readonly identifier: string
}

/** Each part of a file is held as text, and a change saved with all of them. */
export const fileBytesMax = 32 * 1024 * 1024

export type FolderErrorCode = 'bad-path' | 'twin' | 'too-large' | 'not-found' | 'incomplete' | 'damaged' | 'changed' | 'not-ready'

export class FolderError extends Error {
  readonly code: FolderErrorCode
  readonly path: string

  constructor(code: FolderErrorCode, path: string, problem: string) {
    super(`${JSON.stringify(path)}: ${problem}`)
    this.name = 'FolderError'
    this.code = code
    this.path = path
  }
}
