/**
 * Marks: by its mark the stream knows a row again that it has told somebody of.
 *
 *   mark = seq . writer . MAC(secret; epoch, seq, writer)
 *
 * The writer is drawn at random whenever the stream's memory is read from storage, and stands in each row that it writes.
 * So once storage has been set back, what comes in the place of a lost row is by another writer; and row and writer
 * together say what all rows before them are, because one writer goes on where the last row was. The MAC keeps whoever
 * only reads from making up a row that never was.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { toBase64url } from '../../protocol/base64.ts'
import type { TapeHead, TapeStorage } from './tape-storage.ts'

export type RandomBytes = (count: number) => Uint8Array

/** A row, by the last of its seqs, and who wrote it. */
interface MarkedRow {
  readonly seq: number
  readonly writer: number
}

/** One guess in 2^64 is right, and each is a request. */
const macBytes = 8

const pattern = /^(0|[1-9]\d{0,15})\.([0-9a-z]{1,7})\.([\w-]{11})$/

export function newSecret(randomBytes: RandomBytes): string {
  return toBase64url(randomBytes(16))
}

export class Marks {
  /** Of every row that is written from the present memory. */
  readonly writer: number
  /** Has taken in the epoch, and is copied for each mark. */
  readonly #keyed: ReturnType<typeof hmac.create>
  #unsaved: string | undefined
  /** The newest row that has a mark, and that mark once it has been asked for. */
  #row: MarkedRow | undefined
  #mark: string | undefined

  constructor({ epoch, latestSeq, secret, writer }: Pick<TapeHead, 'epoch' | 'latestSeq' | 'secret' | 'writer'>, randomBytes: RandomBytes) {
    const drawn = randomBytes(4)
    // 0 is nobody.
    this.writer = new DataView(drawn.buffer, drawn.byteOffset).getUint32(0) || 1
    this.#unsaved = secret === undefined ? newSecret(randomBytes) : undefined
    this.#keyed = hmac.create(sha256, encoder.encode(secret ?? this.#unsaved)).update(encoder.encode(epoch))
    if (writer !== undefined) this.#row = { seq: latestSeq, writer }
  }

  /** To be stored with the next row, of a stream that has none yet. */
  get unsavedSecret(): string | undefined {
    return this.#unsaved
  }

  /** Of the newest row; undefined while that has none. */
  get newest(): string | undefined {
    if (this.#mark === undefined && this.#row !== undefined) this.#mark = this.#encode(this.#row)
    return this.#mark
  }

  /** The mark of a row that has just been stored. */
  ofWritten(last: number): string {
    this.#unsaved = undefined
    this.#row = { seq: last, writer: this.writer }
    this.#mark = this.#encode(this.#row)
    return this.#mark
  }

  /** Whether somebody was told of a row, under this epoch, that storage does not have. Marks that are not our own say nothing. */
  isLost(mark: string, latestSeq: number, storage: Pick<TapeStorage, 'writerOf'>): boolean {
    if (mark === this.#mark) return false
    const row = this.#decode(mark)
    return row !== undefined && (row.seq > latestSeq || storage.writerOf(row.seq) !== row.writer)
  }

  #encode({ seq, writer }: MarkedRow): string {
    const row = new Uint8Array(new Float64Array([seq, writer]).buffer)
    const mac = this.#keyed.clone().update(row).digest()
    return `${seq}.${writer.toString(36)}.${toBase64url(mac.subarray(0, macBytes))}`
  }

  #decode(mark: string): MarkedRow | undefined {
    const row = rowOfMark(mark)
    return row !== undefined && this.#encode(row) === mark ? row : undefined
  }
}

/** The row that a mark speaks of, whoever made it; undefined for what is no mark. */
export function rowOfMark(mark: string): MarkedRow | undefined {
  const [, seq, writer] = pattern.exec(mark) ?? []
  return seq === undefined || writer === undefined ? undefined : { seq: Number(seq), writer: Number.parseInt(writer, 36) }
}

const encoder = new TextEncoder()
