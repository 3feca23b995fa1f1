/** The table: a figure a line, for both contenders, and what the first takes in terms of the second. */
import type { Contender } from './bundle.ts'
import type { Costs } from './measure.ts'

export interface Row {
  readonly figure: string
  readonly values: Readonly<Record<Contender, number | undefined>>
  /** The ratio, or with `isAbsolute` the value itself, that the project means to stay under. */
  readonly target?: number | undefined
  readonly isAbsolute?: boolean
}

/** Figures that have no limit beside them: a head of their own, and whatever cells belong under it. */
export interface Table {
  /** What is measured, in which unit. */
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly { readonly figure: string; readonly cells: readonly (number | string | undefined)[] }[]
}

/** By what it is a figure of. */
export type Figures = Readonly<Record<string, number>>

interface Costed {
  readonly costs: Costs
  readonly target?: number
  /** More than one of the unit, where that is not the unit and an s. */
  readonly units?: string
}

export function costRows(title: string, unit: string, { costs, target, units = `${unit}s` }: Costed): Row[] {
  const { Tapeline, limit } = costs
  return [
    { figure: `${title}: ${units}/s`, values: { Tapeline: Tapeline.perSecond, limit: limit.perSecond } },
    { figure: `  CPU µs per ${unit}`, values: { Tapeline: Tapeline.cpuUs, limit: limit.cpuUs }, target },
  ]
}

/** A column for each that was measured, and a row for each figure that one of them has. */
export function tableOf(title: string, measured: readonly { readonly name: string; readonly figures: Figures }[]): Table {
  const names = new Set(measured.flatMap(({ figures }) => Object.keys(figures)))
  const rows = [...names].map((figure) => ({ figure, cells: measured.map(({ figures }) => figures[figure]) }))
  return { title, columns: measured.map(({ name }) => name), rows }
}

export function printHead(): void {
  printLine(['', 'Tapeline', 'limit', 'ratio', 'target'])
}

export function printTable({ title, columns, rows }: Table): void {
  printLine([title, ...columns])
  for (const { figure, cells } of rows) printLine([figure, ...cells.map((cell) => (typeof cell === 'string' ? cell : format(cell)))])
}

export function printRow({ figure, values, target, isAbsolute = false }: Row): void {
  const { Tapeline, limit } = values
  const ratio = Tapeline === undefined || limit === undefined ? '' : `${format(Tapeline / limit)}×`
  printLine([figure, format(Tapeline), format(limit), ratio, target === undefined ? '' : `≤ ${target}${isAbsolute ? '' : '×'}`])
}

function printLine([figure = '', ...cells]: readonly string[]): void {
  console.log(figure.padEnd(64) + cells.map((cell) => cell.padStart(11)).join(''))
}

/** Three digits that count, and thousands apart; what is counted stays whole. */
function format(value: number | undefined): string {
  if (value === undefined) return ''
  if (value >= 1000) return thousands(Math.round(value))
  if (Number.isInteger(value)) return String(value)
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3)
}

export function thousands(count: number): string {
  return count.toLocaleString('en').replaceAll(',', ' ')
}
