/** The object's answers to HTTP: state, publish, import, read, delete. The token and the route have been checked. */
import { closeCodes, Refusal } from '../../protocol/codes.ts'
import { checkSize, parseJson } from '../../protocol/decode.ts'
import { checkImport } from '../../protocol/import.ts'
import { batchBytesMax, seqMax } from '../../protocol/limits.ts'
import { checkPublish } from '../../protocol/publish.ts'
import { checkRedaction } from '../../protocol/redaction.ts'
import { type SeqRanges, subtract } from '../../protocol/seq-ranges.ts'
import { checkFork, checkIndex, checkSettings, isForkLike } from '../../protocol/settings.ts'
import { emptyHeader, etagOf, immutableHeaders, markHeader, packedChunk, pageBytesMax, settlesHeader } from '../answers.ts'
import { checkAllowed, checkStreamName, type Grant } from '../auth.ts'
import type { Forker } from '../forks/forker.ts'
import type { Loans } from '../forks/loans.ts'
import { Importer } from '../importer.ts'
import { hashQueryOf, objectsQueryOf, type ReadQuery, readQueryOf, sizesQueryOf } from '../read-query.ts'
import type { Contents } from '../sealed/contents.ts'
import { readChunk } from '../sealed/lost-snapshot.ts'
import type { Lessor } from '../sealed/sealed-state.ts'
import { findChunk } from '../sealed/snapshot.ts'
import type { StreamCore } from '../stream-core.ts'
import { type Page, toNdjson } from '../tape/slice-reader.ts'
import type { Verdict } from '../turn/sequencer.ts'
import type { Sessions } from './sessions.ts'
import type { Upkeep } from './upkeep.ts'

const json = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }

export function answerState(core: StreamCore, stream: string): Response {
  return Response.json({ stream, ...core.readState(), ...importing(core) }, { headers: json })
}

export async function answerPublish(core: StreamCore, request: Request, sub: string): Promise<Response> {
  const publish = checkPublish(await bodyOf(request))
  const verdict = await new Promise<Verdict>((answer) => core.committer.submit({ publish, sub }, answer))
  if (verdict.type === 'refused') throw verdict.refusal
  const { seqs, duplicates } = verdict
  const { epoch, latestSeq } = core.state
  return Response.json({ seqs, duplicates, latestSeq, epoch }, { headers: json })
}

/** Takes a batch of an import, or ends it. Answers how far the tape goes now. */
export async function answerImport(core: StreamCore, request: Request, { isUnfinished }: Pick<Forker, 'isUnfinished'>): Promise<Response> {
  const wanted = checkImport(await bodyOf(request))
  if (isUnfinished) throw new Refusal('not-empty', { detail: 'The stream is being made as a fork.' })
  const importer = new Importer(core)
  await (wanted.type === 'batch' ? importer.take(wanted) : importer.finish(wanted))
  return Response.json({ ...core.state, ...importing(core) }, { headers: json })
}

function importing(core: StreamCore): { importing?: true } {
  return core.isImporting ? { importing: true } : {}
}

export function answerDelete(core: StreamCore, sessions: Sessions, lessor: Lessor): Response {
  core.erase()
  sessions.closeAll(closeCodes.deleted, 'stream-deleted')
  return new Response(null, { status: 204, headers: { [settlesHeader]: String(lessor.settlesInMs) } })
}

export async function answerRedactions(core: StreamCore, request: Request, surroundings: Redacting): Promise<Response> {
  if (request.method === 'GET') return Response.json({ redactions: core.sealed.redactions() }, { headers: json })
  const { upkeep, lessor, loans, sub } = surroundings
  const redaction = checkRedaction(parseJson(textOf(await request.arrayBuffer())))
  const redacted = await upkeep.redact(redaction, sub)
  const forks = loans.forks()
  return Response.json(
    { redacted, epoch: core.state.epoch, ...(forks.length === 0 ? {} : { forks }) },
    { headers: { ...json, [settlesHeader]: String(lessor.settlesInMs) } },
  )
}

interface Redacting {
  readonly sub: string
  readonly upkeep: Upkeep
  readonly lessor: Lessor
  /** Forks are streams of their own: whoever redacts is told of them. */
  readonly loans: Loans
}

export async function answerIndexes(core: StreamCore, request: Request, name: string | undefined): Promise<Response> {
  core.readState()
  if (request.method === 'PUT') {
    const { pointer } = checkIndex(parseJson(textOf(await request.arrayBuffer())))
    core.declareIndex(name ?? '', pointer)
  }
  const indexes = core.indexes.all.map(({ name: one, pointer, builtTo, declaredAt }) => ({
    name: one,
    pointer,
    ...(builtTo < declaredAt ? { building: [builtTo + 1, declaredAt + 1] } : {}),
  }))
  return Response.json({ indexes }, { headers: json })
}

/** Keeps settings, or makes the stream a fork; `grant` says whether of that one. */
export async function answerConfigure(
  core: StreamCore,
  request: Request,
  stream: string,
  { grant, upkeep }: Configuring,
): Promise<Response> {
  const wanted = parseJson(textOf(await request.arrayBuffer()))
  if (!isForkLike(wanted)) {
    core.configure(checkSettings(wanted, Date.now()))
    return answerState(core, stream)
  }
  const fork = checkFork(wanted)
  checkAllowed(grant, checkStreamName(fork.forkOf), 'read')
  if (fork.forkOf === stream) throw new Refusal('invalid', { at: 'forkOf', detail: 'A stream is no fork of itself.' })
  const { of: forkOf, through } = await upkeep.fork(stream, fork)
  return Response.json({ stream, ...core.readState(), ...importing(core), forkOf, through }, { headers: json })
}

interface Configuring {
  readonly grant: Grant
  readonly upkeep: Upkeep
}

/** For the Worker: what is sealed, and until when it may believe that. */
export function answerSealed(lessor: Lessor, request: Request): Response {
  const query = new URL(request.url).searchParams
  const [epoch, tag, marks] = [query.get('epoch'), query.get('tag'), query.getAll('mark')]
  const known = { epoch, through: Number(query.get('through') ?? -1), tag, marks }
  return Response.json(lessor.grant(known), { headers: json })
}

export async function answerHash(core: StreamCore, request: Request): Promise<Response> {
  const { seq, epoch } = hashQueryOf(request)
  return Response.json({ epoch: core.state.epoch, ...(await core.reads.hashAt(seq, epoch)) }, { headers: json })
}

export function answerSizes(core: StreamCore, request: Request): Response {
  const { ranges, epoch } = sizesQueryOf(request)
  const sizes = core.reads.sizes(ranges, epoch)
  return Response.json({ epoch: core.state.epoch, latestSeq: core.state.latestSeq, ...sizes }, { headers: json })
}

/** So many are a few megabytes of names. */
const objectsMax = 100_000

/** The objects that belong to a filter, as the tape is now. */
export function answerObjects(core: StreamCore, request: Request): Response {
  const { selection, epoch } = objectsQueryOf(request)
  core.checkEpoch(epoch)
  const objects = core.reads.filterOf(selection).objects(objectsMax)
  const { epoch: present, latestSeq } = core.state
  return Response.json(
    { epoch: present, latestSeq, objects: objects.map(({ collection, identifier }) => [collection, identifier]) },
    { headers: json },
  )
}

/** Throws `not-found` for what is no chunk of a snapshot. */
export async function answerPackedChunk(core: StreamCore, contents: Contents, hash: string): Promise<Response> {
  const { current, leaving } = core.sealed.snapshots()
  const chunk = findChunk({ snapshot: current ?? null, leaving }, hash)
  return packedChunk(await readChunk(core.sealed, hash, contents.checkedPacked(chunk)), hash)
}

export async function answerRead(core: StreamCore, request: Request): Promise<Response> {
  const query = readQueryOf(request)
  if (query.as === 'ndjson') return answerExport(core, query)
  const page = await readPage(core, query)
  const isWhole = isWhollyOnTape(query.ranges, core.state.latestSeq) && page.isCutShort !== true
  const isImmutable = query.immutableKey !== undefined && isWhole
  return new Response(isImmutable ? encodeImmutable(core, page) : core.encodePage(page), {
    headers: {
      ...json,
      ...emptiness(page.covers),
      ...(isImmutable ? { ...immutableHeaders(etagOf(query)), [markHeader]: core.mark ?? '' } : {}),
    },
  })
}

function readPage(core: StreamCore, { ranges, epoch, isFolded, filter, own }: ReadQuery): Page | Promise<Page> {
  const bounds = { bytesMax: pageBytesMax, epoch }
  if (filter === undefined) return isFolded ? core.reads.readFolded(ranges, bounds) : core.reads.read(ranges, bounds)
  return isFolded ? core.reads.readFilteredFolded(filter, ranges, bounds) : core.reads.readFiltered(filter, ranges, { ...bounds, own })
}

/** The same whenever it is asked for: its latestSeq is the last seq that it covers. */
function encodeImmutable(core: StreamCore, page: Page): Uint8Array<ArrayBuffer> {
  return core.encodePage(page, {}, page.covers.at(-1)?.[1])
}

function isWhollyOnTape(ranges: SeqRanges, latestSeq: number): boolean {
  return (ranges.at(-1)?.[1] ?? seqMax) <= latestSeq
}

/**
 * Streams every event of the ranges, page by page as the reader takes them, to where the tape ended at the start. All are of
 * one epoch: when that ends before they do, the body breaks off.
 */
function answerExport(core: StreamCore, query: ReadQuery): Response {
  core.checkEpoch(query.epoch)
  const { epoch } = core
  const { latestSeq } = core.state
  let rest = subtract(query.ranges, [[latestSeq + 1, seqMax]])
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { covers, pieces } = await readPage(core, { ...query, ranges: rest, epoch })
      rest = subtract(rest, covers)
      if (covers.length > 0) controller.enqueue(toNdjson(pieces))
      if (rest.length === 0 || covers.length === 0) controller.close()
    },
  })
  return new Response(body, {
    headers: { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store', ...emptiness(rest) },
  })
}

function emptiness(covers: SeqRanges): Record<string, string> {
  return covers.length === 0 ? { [emptyHeader]: 'yes' } : {}
}

async function bodyOf(request: Request): Promise<unknown> {
  const text = textOf(await request.arrayBuffer())
  checkSize(text, batchBytesMax)
  return parseJson(text)
}

function textOf(bytes: ArrayBuffer): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new Refusal('malformed-json', { detail: 'The body is not UTF-8.' })
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
