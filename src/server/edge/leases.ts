/**
 * What this Worker knows of the sealed parts of tapes. It asks the object again when its lease is over, once for all who
 * wait; so a cached page is never served under an epoch that has ended, nor of a stream that has been deleted.
 */
import { Refusal } from '../../protocol/codes.ts'
import type { SealedState, SealedView } from '../sealed/sealed-state.ts'
import { rowOfMark } from '../tape/marks.ts'
import { Shared } from './shared.ts'

interface Lease {
  view: SealedView | undefined
  /** ms since 1970. Before this one the clock has been put back, and nothing is known of how long it has been. */
  from: number
  until: number
  /**
   * Of each writer the last row that the stream is known to have: of the newest mark that it has told of, and of those that
   * it was asked about. One writer goes on where its last row was, so those before it are known, too.
   */
  readonly rows: Map<number, number>
}

type Stream = { fetch(request: Request): Promise<Response> }

/** Of streams asked about longest ago nothing is remembered. */
const leasesMax = 1000

/** So many segments and writers of all streams: a segment takes some 400 bytes, and an isolate has 128 MB for everything. */
const entriesMax = 100_000

export class Leases {
  readonly #leases = new Map<string, Lease>()
  readonly #renewals = new Shared<SealedView>()

  /** `request` is by somebody who may read the stream. Throws what the object says: `stream-deleted`, `unavailable`. */
  async of(request: Request, name: string, stream: Stream): Promise<SealedView> {
    const lease = this.#leaseOf(name)
    const now = Date.now()
    if (lease.view !== undefined && now >= lease.from && now < lease.until) return lease.view
    return this.#renewals.of(name, () => this.#renew(request, lease, stream))
  }

  /** Whether the stream, under the epoch that is known, knows this mark again. If not, it is under another one by then. */
  async knows(mark: string, request: Request, { name, stream }: { readonly name: string; readonly stream: Stream }): Promise<boolean> {
    const lease = this.#leaseOf(name)
    const epoch = lease.view?.epoch
    const row = rowOfMark(mark)
    if (row !== undefined && row.seq <= (lease.rows.get(row.writer) ?? -1)) return true
    const view = await this.#renewals.of(`${name} ${mark}`, () => this.#renew(request, lease, stream, mark))
    return view.epoch === epoch
  }

  async #renew(request: Request, lease: Lease, stream: Stream, asked = ''): Promise<SealedView> {
    const askedAt = Date.now()
    const { view } = lease
    const address = new URL(request.url)
    address.pathname = `${address.pathname.split('/').slice(0, 4).join('/')}/sealed`
    const through = view?.segments.at(-1)?.last ?? -1
    address.search =
      view?.epoch == null
        ? ''
        : `?epoch=${encodeURIComponent(view.epoch)}&through=${through}&tag=${view.tag}&mark=${view.mark ?? ''}&mark=${asked}`
    const headers = { Authorization: request.headers.get('Authorization') ?? '' }
    const answer = await stream.fetch(new Request(address, { headers }))
    if (!answer.ok) throw await refusalOf(answer)
    const { leaseMs, segments, ...state } = await answer.json<SealedState>()
    const isSame = view !== undefined && view.epoch === state.epoch
    if (!isSame) lease.rows.clear()
    for (const mark of isSame ? [state.mark, asked] : [state.mark]) {
      const row = rowOfMark(mark ?? '')
      if (row !== undefined) lease.rows.set(row.writer, Math.max(row.seq, lease.rows.get(row.writer) ?? -1))
    }
    const before = isSame ? view.segments : []
    lease.view = { snapshot: null, leaving: [], ...view, ...state, segments: segments.length === 0 ? before : [...before, ...segments] }
    // Counted from the question, which is before the answer was given; and a little less, as clocks here stand still at times.
    lease.from = askedAt
    lease.until = askedAt + leaseMs * 0.9
    this.#makeRoom()
    return lease.view
  }

  #leaseOf(name: string): Lease {
    const lease = this.#leases.get(name) ?? { view: undefined, from: 0, until: 0, rows: new Map() }
    this.#leases.delete(name)
    this.#leases.set(name, lease)
    if (this.#leases.size > leasesMax) this.#leases.delete(this.#leases.keys().next().value ?? '')
    return lease
  }

  #makeRoom(): void {
    let entries = this.#leases.values().reduce((sum, lease) => sum + entriesOf(lease), 0)
    for (const [name, lease] of this.#leases) {
      if (entries <= entriesMax || this.#leases.size === 1) return
      this.#leases.delete(name)
      entries -= entriesOf(lease)
    }
  }
}

function entriesOf({ view, rows }: Lease): number {
  return rows.size + (view?.segments.length ?? 0)
}

async function refusalOf(answer: Response): Promise<Refusal> {
  const { code, title: _, hint: __, type: ___, status: ____, ...details } = await answer.json<ProblemDocument>()
  return new Refusal(code, details)
}

type ProblemDocument = { readonly code: ConstructorParameters<typeof Refusal>[0] } & Record<string, unknown>
