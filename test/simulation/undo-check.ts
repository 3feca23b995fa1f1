/**
 * An undo overwrites nothing that somebody else wrote and that it knew of. Looked at on the tape: what stood at the undo's
 * `seen`, with the maker's own events before it, and what the undo wrote over that.
 *
 * An undo that was folded into what it undid, before that was sent, is not looked at: together they may well stand on what
 * somebody else wrote. Tabs do not always hear what became of theirs, so only programs are looked at.
 */
import { isDeepStrictEqual } from 'node:util'
import { applyEvent, type Change, type ObjectState, type TapeEvent, unborn, type Write, writeOf } from '../../src/protocol/index.ts'
import type { Edit } from './edit.ts'
import type { SimBrowser } from './sim-browser.ts'
import { Violation } from './violation.ts'

/** Gives how many were looked at. */
export function checkUndo({ lines, refused, hasTabs }: SimBrowser, tape: readonly TapeEvent[]): number {
  if (hasTabs) return 0
  const edits = lines.flatMap((line) => line.edits)
  const seqs = edits.map(seqOf)
  // What an undo thought was its own and was refused leaves it standing on nothing.
  const lost = new Set(
    [...edits.filter(isRefused).map(({ change }) => change), ...refused.map(({ draft }) => draft)].map(({ identifier }) => identifier),
  )
  let looks = 0
  for (const [index, edit] of edits.entries()) {
    const seq = seqs[index]
    const event = seq === undefined || seqs.indexOf(seq) !== seqs.lastIndexOf(seq) ? undefined : tape[seq]
    if (edit.how !== 'undo' || event === undefined || !isSame(edit.change, event) || lost.has(event.identifier)) continue
    looks++
    const others = overwritten(event, before(event, edit, tape)).filter(({ client }) => client !== event.client && client !== edit.client)
    if (others.length === 0) continue
    throw new Violation(`${edit.tab.line.name} undid ${JSON.stringify(edit.change)} with event ${event.seq}, over event ${others[0]?.seq}.`)
  }
  return looks
}

function isRefused({ publication: { state } }: Edit): boolean {
  return state.type === 'refused' || state.type === 'discarded'
}

function isSame({ type, values }: Change, event: TapeEvent): boolean {
  return type === event.type && isDeepStrictEqual(values, event.values)
}

function seqOf({ publication: { state } }: Edit): number | undefined {
  return state.type === 'applied' ? state.seq : undefined
}

/** With what the maker had done before, under another id, too: another one's drafts may be its own, published for it. */
function before({ identifier, client, counter = 0, seen, seq }: TapeEvent, edit: Edit, tape: readonly TapeEvent[]): ObjectState {
  const isOwn = (event: TapeEvent) =>
    event.client === client ? (event.counter ?? 0) < counter : event.client === edit.client && event.seq < seq
  return tape.filter((event) => event.identifier === identifier && (event.seq <= seen || isOwn(event))).reduce(applyEvent, unborn)
}

/** Who wrote what the undo wrote over. */
function overwritten({ type, values = {} }: TapeEvent, state: ObjectState): readonly Write[] {
  const { since, later, isAlive } = state
  if (since.seq < 0) return []
  if (!isAlive && type !== 'insert') return []
  if (type !== 'update') return [since, ...Object.values(later)]
  // The mark is not the undo's.
  return Object.keys(values).flatMap((field) => (field !== 'mark' && Object.hasOwn(state.values, field) ? [writeOf(state, field)] : []))
}
