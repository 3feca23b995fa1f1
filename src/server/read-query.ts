/** What a GET of events, or of the live socket, asks for, out of its address and headers. The Worker and the object read it the same way. */
import * as v from 'valibot'
import { Refusal } from '../protocol/codes.ts'
import { clientSchema } from '../protocol/event.ts'
import type { Selection } from '../protocol/filter.ts'
import { seqMax, waitSecondsMax } from '../protocol/limits.ts'
import { checkRange, formatSeqs, parseSeqs, type SeqRange, type SeqRanges } from '../protocol/seq-ranges.ts'
import { selectionNames, selectionOf } from './filters/filter.ts'
import { isIndexName } from './filters/indexes.ts'
import type { Opening } from './object/live.ts'

/** The key is the ETag, and a header has room for so much. Nobody else has the same hundred holes anyway. */
const immutableKeyLengthMax = 1000

const readNames = ['seq', 'after', 'epoch', 'wait', 'fold', 'own']
const liveNames = ['after', 'epoch', 'client', 'mark']

/** Which of them a stream has declared, its object knows. */
function isFilterName(name: string): boolean {
  return name === 'collection' || name === 'identifier' || selectionNames.includes(name) || isIndexName(name)
}

export interface ReadQuery {
  readonly ranges: SeqRanges
  readonly epoch: string | undefined
  /** How long to wait when there is nothing yet, in seconds. */
  readonly waitSeconds: number
  readonly as: 'slice' | 'ndjson' | 'sse'
  /** Whether the events are wanted folded. */
  readonly isFolded: boolean
  /** Which objects are wanted; absent for all. */
  readonly filter: Selection | undefined
  /** The client whose events are wanted, too, whatever they are about. */
  readonly own: string | undefined
  /** The canonical form of a read whose answer can never change, once all of it is on the tape. */
  readonly immutableKey: string | undefined
}

/** Throws `bad-query`, `bad-ranges`, `too-many` or `token-in-url`. */
export function readQueryOf(request: Request): ReadQuery {
  const query = checkedParameters(request, readNames, isFilterName)
  const filter = selectionOf(new URL(request.url).searchParams, readNames)
  const own = clientOf(query.get('own'), 'own')
  const ranges = rangesOf(query)
  const epoch = query.get('epoch')
  const as = formatOf(request.headers.get('Accept') ?? '')
  const isFolded = foldOf(query.get('fold'))
  const waitSeconds = waitOf(query.get('wait'))
  if (isFolded && (as !== 'slice' || waitSeconds > 0)) {
    throw new Refusal('bad-query', { at: 'fold', detail: 'Only slices are folded, without waiting for more.' })
  }
  if (filter !== undefined && (as === 'sse' || waitSeconds > 0)) {
    throw new Refusal('bad-query', { detail: 'Filtered reads do not wait for more: filter on the live socket.' })
  }
  if (own !== undefined && (filter === undefined || as !== 'slice' || isFolded)) {
    throw new Refusal('bad-query', { at: 'own', detail: 'Own events come beside what a filter selects, in a slice that is not folded.' })
  }
  const isClosed = ranges.every(([, last]) => last < seqMax)
  const key = `${epoch}/${formatSeqs(ranges)}${isFolded ? '/folded' : ''}`
  const isCacheable = as === 'slice' && filter === undefined && isClosed && epoch !== undefined && key.length <= immutableKeyLengthMax
  return { ranges, epoch, waitSeconds, as, isFolded, filter, own, immutableKey: isCacheable ? key : undefined }
}

/** Up to where a hash is asked for, and under which epoch. Throws `bad-query`, `bad-ranges` or `token-in-url`. */
export function hashQueryOf(request: Request): { readonly seq: number; readonly epoch: string | undefined } {
  const query = checkedParameters(request, ['seq', 'epoch'])
  const seq = query.get('seq')
  return { seq: seq === undefined ? seqMax : afterOf(seq, 'seq'), epoch: query.get('epoch') }
}

/** Of which seqs the sizes are asked for, and under which epoch. Throws `bad-query`, `bad-ranges` or `token-in-url`. */
export function sizesQueryOf(request: Request): { readonly ranges: SeqRanges; readonly epoch: string | undefined } {
  const query = checkedParameters(request, ['seq', 'after', 'epoch'])
  return { ranges: rangesOf(query), epoch: query.get('epoch') }
}

/** Which objects are to be listed, and under which epoch. Throws like `selectionOf`, and `bad-query` for everything. */
export function objectsQueryOf(request: Request): { readonly selection: Selection; readonly epoch: string | undefined } {
  const query = checkedParameters(request, ['epoch'], isFilterName)
  const selection = selectionOf(new URL(request.url).searchParams, ['epoch'])
  if (selection === undefined) throw new Refusal('bad-query', { detail: 'Say which objects: name a declared attribute.' })
  return { selection, epoch: query.get('epoch') }
}

/** What the address of a live socket asks for. Throws `bad-query`, `bad-ranges` or `token-in-url`. */
export function liveQueryOf(request: Request): Opening {
  const query = checkedParameters(request, liveNames, isFilterName)
  const filter = selectionOf(new URL(request.url).searchParams, liveNames)
  const after = query.get('after')
  const client = clientOf(query.get('client'), 'client')
  return { after: after === undefined ? undefined : afterOf(after), epoch: query.get('epoch'), client, mark: query.get('mark'), filter }
}

/** The parameters of an address that takes only `names`, each at most once, and those that are somebody else’s. Throws `bad-query` or `token-in-url`. */
export function checkedParameters(
  request: Request,
  names: readonly string[],
  isOther: (name: string) => boolean = () => false,
): ReadonlyMap<string, string> {
  checkNoToken(request)
  const found = new Map<string, string>()
  for (const [name, value] of new URL(request.url).searchParams) {
    if (isOther(name)) continue
    if (!names.includes(name))
      throw new Refusal('bad-query', { at: name, detail: `This address takes ${names.join(', ') || 'no parameters'}.` })
    if (found.has(name)) throw new Refusal('bad-query', { at: name, detail: 'Given twice.' })
    found.set(name, value)
  }
  return found
}

/** Throws `token-in-url` for an address with a parameter that is there for a token. */
export function checkNoToken(request: Request): void {
  for (const name of new URL(request.url).searchParams.keys()) {
    if (/token|authorization|jwt/i.test(name)) throw new Refusal('token-in-url', { at: name })
  }
}

/** The seq that `after` names: −1 for the whole tape. Throws `bad-ranges`. */
export function afterOf(text: string, at = 'after'): number {
  if (!/^(-1|\d{1,16})$/.test(text) || Number(text) >= seqMax) {
    throw new Refusal('bad-ranges', { at, detail: `${at} is a seq, or -1 for what is before all.` })
  }
  return Number(text)
}

function clientOf(text: string | undefined, at: string): string | undefined {
  if (text === undefined || v.is(clientSchema, text)) return text
  throw new Refusal('bad-query', { at, detail: `${at} is a client id.` })
}

function rangesOf(query: ReadonlyMap<string, string>): SeqRanges {
  const seq = query.get('seq')
  const after = query.get('after')
  if (seq !== undefined && after !== undefined) throw new Refusal('bad-query', { at: 'after', detail: 'Give seq or after, not both.' })
  if (seq !== undefined) return parseSeqs(seq)
  const open: SeqRange = checkRange(after === undefined ? 0 : afterOf(after) + 1, seqMax)
  return [open]
}

function waitOf(text: string | undefined): number {
  if (text === undefined) return 0
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN
  if (seconds <= waitSecondsMax) return seconds
  throw new Refusal('bad-query', { at: 'wait', detail: `wait is a whole number of seconds up to ${waitSecondsMax}.` })
}

function foldOf(text: string | undefined): boolean {
  if (text === undefined || text === 'false') return false
  if (text === 'true') return true
  throw new Refusal('bad-query', { at: 'fold', detail: 'fold is true or false.' })
}

function formatOf(accept: string): ReadQuery['as'] {
  if (accept.includes('text/event-stream')) return 'sse'
  return accept.includes('application/x-ndjson') ? 'ndjson' : 'slice'
}
