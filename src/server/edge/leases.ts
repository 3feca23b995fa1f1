/**
 * What this Worker knows of the sealed parts of tapes. It asks the object again when its lease is over, once for all who
 * wait; so a cached page is never served under an epoch that has ended, nor of a stream that has been deleted.
 */
import { Refusal } from '../../protocol/codes.ts'
import type { SealedState, SealedView } from '../sealed/sealed-state.ts'
import { Shared } from './shared.ts'

interface Lease {
  view: SealedView | undefined
  /** ms since 1970. Before this one the clock has been put back, and nothing is known of how long it has been. */
  from: number
  until: number
  /** Marks that the stream knows: the newest it has told of, and those of copies that it was asked about. */
  readonly marks: Set<string>
}

type Stream = { fetch(request: Request): Promise<Response> }

/** Of so many copies it is remembered; then they are asked about again. */
const marksMax = 1000

/** Of streams asked about longest ago nothing is remembered. */
const leasesMax = 1000

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
    if (lease.marks.has(mark)) return true
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
      view?.epoch == null ? '' : `?epoch=${encodeURIComponent(view.epoch)}&through=${through}&mark=${view.mark ?? ''}&mark=${asked}`
    const headers = { Authorization: request.headers.get('Authorization') ?? '' }
    const answer = await stream.fetch(new Request(address, { headers }))
    if (!answer.ok) throw await refusalOf(answer)
    const { leaseMs, segments, ...state } = await answer.json<SealedState>()
    const before = view !== undefined && view.epoch === state.epoch ? view.segments : []
    if (view?.epoch !== state.epoch || lease.marks.size > marksMax) lease.marks.clear()
    for (const mark of [state.mark, asked]) if (mark) lease.marks.add(mark)
    lease.view = { ...state, segments: segments.length === 0 ? before : [...before, ...segments] }
    // Counted from the question, which is before the answer was given; and a little less, as clocks here stand still at times.
    lease.from = askedAt
    lease.until = askedAt + leaseMs * 0.9
    return lease.view
  }

  #leaseOf(name: string): Lease {
    const lease = this.#leases.get(name) ?? { view: undefined, from: 0, until: 0, marks: new Set() }
    this.#leases.delete(name)
    this.#leases.set(name, lease)
    if (this.#leases.size > leasesMax) this.#leases.delete(this.#leases.keys().next().value ?? '')
    return lease
  }
}

async function refusalOf(answer: Response): Promise<Refusal> {
  const { code, title: _, hint: __, type: ___, status: ____, ...details } = await answer.json<ProblemDocument>()
  return new Refusal(code, details)
}

type ProblemDocument = { readonly code: ConstructorParameters<typeof Refusal>[0] } & Record<string, unknown>
