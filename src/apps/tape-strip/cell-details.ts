/** One cell of the tape, spelled out. What others wrote is shown as text, cut where it is long. */
import { html, nothing, type TemplateResult } from 'lit-html'
import type { Change } from '../../browser/index.ts'
import { type Cell, cellName, makerName } from './cells.ts'

const valueLengthMax = 300

type Row = readonly [name: string, value: string]

export function cellDetails(cell: Cell): TemplateResult {
  return html`<p class="details-title">${cellName(cell)}</p>${note(cell)}
    <dl>
      ${rowsOf(cell).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>`
}

function note(cell: Cell): TemplateResult | typeof nothing {
  switch (cell.type) {
    case 'event':
      return nothing
    case 'hole':
      return html`<p>The tape reaches further than this window has read. It knows from the numbers alone that it lacks ${rangeText(cell.hole)}, and asks for exactly those.</p>`
    case 'folded':
      return html`<p>This seq is accounted for: its effect came in an event that replaces several, or outside what this strip remembers.</p>`
    case 'pending':
      return html`<p>It shows in this window already. The server numbers it when it stores it; until then it waits here.</p>`
  }
}

function rowsOf(cell: Cell): readonly Row[] {
  switch (cell.type) {
    case 'event': {
      const { seq, client, counter, seen } = cell.event
      const maker: readonly Row[] = client === undefined ? [] : [['client', client]]
      const count: readonly Row[] = counter === undefined ? [] : [['counter', String(counter)]]
      return [
        ['seq', String(seq)],
        ...changeRows(cell.event),
        ['made by', makerName(cell.event, cell.isOwn)],
        ...maker,
        ...count,
        ['seen', String(seen)],
      ]
    }
    case 'pending':
      return [...changeRows(cell.draft), ['seen', String(cell.draft.seen)]]
    case 'hole':
    case 'folded':
      return []
  }
}

function changeRows({ type, collection, identifier, values = {} }: Change): readonly Row[] {
  const fields = Object.entries(values).map(([name, value]): Row => [`values.${cut(name)}`, cut(JSON.stringify(value))])
  return [['type', type], ['collection', cut(collection)], ['identifier', cut(identifier)], ...fields]
}

function cut(text: string): string {
  return text.length > valueLengthMax ? `${text.slice(0, valueLengthMax).toWellFormed()}…` : text
}

function rangeText([first, last]: readonly [number, number]): string {
  return first === last ? `seq ${first}` : `seqs ${first} to ${last}`
}
