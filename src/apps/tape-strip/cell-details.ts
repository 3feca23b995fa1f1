/** One cell of the tape, spelled out. What others wrote is shown as text, cut where it is long. */
import { html, nothing, type TemplateResult } from 'lit-html'
import type { Change, OutboxItem, TapeEvent } from '../../browser/index.ts'
import { causalityId } from './cell-view.ts'
import { type Cell, cellName, makerName } from './cells.ts'

const valueLengthMax = 300

type Row = readonly [name: string, value: string]

/** `causality`: what it had seen, and what was made at the same time, in sentences. */
export function cellDetails(cell: Cell, causality: readonly string[]): TemplateResult {
  const note = noteOf(cell)
  return html`<p class="details-title">${cellName(cell)}</p>${note === undefined ? nothing : html`<p>${note}</p>`}
    ${causality.length === 0 ? nothing : html`<p id=${causalityId} class="details-causality">${causality.join(' ')}</p>`}
    <dl>
      ${rowsOf(cell).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>`
}

function noteOf(cell: Cell): string | undefined {
  switch (cell.type) {
    case 'event':
      return cell.event.stamps === undefined
        ? undefined
        : 'This device keeps what can still show, folded: this one event also holds the fields that were written later.'
    case 'hole':
      return `The tape reaches further than this window has read. It knows from the numbers alone that it lacks ${rangeText(cell.hole)}, and asks for exactly those.`
    case 'folded':
      return cell.into === undefined
        ? 'This seq is accounted for, and nothing of it shows any more: later changes took its place, so this device kept nothing of it. The server’s tape still has it.'
        : `What was written here is kept as a part of seq ${cell.into.seq}, an event of the same object.`
    case 'pending':
      return pendingNote(cell.item)
  }
}

function pendingNote({ state, folded: { drafts, bytes } }: OutboxItem): string {
  const several =
    drafts > 1 ? `It stands for ${drafts} changes, ${bytes.toLocaleString('en')} bytes in all: only their outcome is sent. ` : ''
  return state === 'sent'
    ? `${several}It has been sent, and leaves this place when it comes back with its number.`
    : `${several}It shows in this window already, and waits here to be sent. Until then further changes are folded into it where they can be.`
}

function rowsOf(cell: Cell): readonly Row[] {
  switch (cell.type) {
    case 'event':
      return eventRows(cell.event, makerName(cell.event, cell.isOwn))
    case 'pending': {
      const { draft, madeAt } = cell.item
      return [
        ...changeRows(draft),
        ['seen', String(draft.seen)],
        ['made at', new Date(madeAt).toLocaleTimeString('en', { hourCycle: 'h23' })],
      ]
    }
    case 'hole':
    case 'folded':
      return []
  }
}

function eventRows(event: TapeEvent, maker: string): readonly Row[] {
  const { seq, client, counter, seen, stamps = {} } = event
  const later = Object.entries(stamps).map(([field, stamp]) => `${cut(field)} of seq ${stamp}`)
  return [
    ['seq', String(seq)],
    ...changeRows(event),
    ...(later.length === 0 ? [] : [['folded in', cut(later.join(', '))] as const]),
    ['made by', maker],
    ...(client === undefined ? [] : [['client', client] as const]),
    ...(counter === undefined ? [] : [['counter', String(counter)] as const]),
    ['seen', String(seen)],
  ]
}

function changeRows({ type, collection, identifier, values = {}, deltas = {} }: Change): readonly Row[] {
  const written = Object.entries(values).map(([name, value]): Row => [`values.${cut(name)}`, cut(JSON.stringify(value))])
  const changed = Object.entries(deltas).map(([name, list]): Row => [`deltas.${cut(name)}`, cut(JSON.stringify(list))])
  return [['type', type], ['collection', cut(collection)], ['identifier', cut(identifier)], ...written, ...changed]
}

function cut(text: string): string {
  return text.length > valueLengthMax ? `${text.slice(0, valueLengthMax).toWellFormed()}…` : text
}

function rangeText([first, last]: readonly [number, number]): string {
  return first === last ? `seq ${first}` : `seqs ${first} to ${last}`
}
