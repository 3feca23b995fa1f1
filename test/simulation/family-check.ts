/**
 * What a family of browsers made, compared with what the tape has of it, when all is quiet.
 *
 * - Every edit of a tab that lives, or that was saved before its process died, has its part in one event or in one
 *   refused draft; one that was not saved may have, too. Each tab's edits come in their order.
 * - What waited on a disk when that was copied is, from then on, a draft of each of the two profiles. It comes once
 *   for the original; the copy's may be the same event, or come a second time. When both have given it the same number
 *   already, it mostly comes once; but whoever takes a new id cannot know what the other is about to send.
 */
import type { Change, TapeEvent } from '../../src/protocol/index.ts'
import { type Edit, refusalKey } from './edit.ts'
import { isExplained, type MadeEdit, markOf } from './explanation.ts'
import type { ServerRecord } from './server-record.ts'
import type { Family, SimBrowser } from './sim-browser.ts'
import { identifiers } from './sim-model.ts'
import { Violation } from './violation.ts'

/** Gives for how many objects it could not be decided. */
export function checkFamily(family: Family, tape: readonly TapeEvent[], record: ServerRecord): number {
  const events = tape.filter(({ client }) => client?.startsWith(`${family.name}-`) === true)
  for (const browser of family.browsers) {
    checkOrder(browser, events)
    checkRefused(browser, record)
    checkPublications(browser)
  }
  checkNotTaken(family, events)
  let open = 0
  for (const identifier of identifiers) {
    const isAbout = (change: Change) => change.identifier === identifier
    const made = [
      ...family.browsers.flatMap((browser) =>
        browser.lines.map(({ edits }) => edits.filter(({ change }) => isAbout(change)).map((edit) => asMade(edit, browser))),
      ),
    ]
    for (const browser of family.browsers) made.push(inheritedBy(browser).filter(({ change }) => isAbout(change)))
    const refused = refusedOf(family).filter(isAbout)
    const found = { made: made.filter(({ length }) => length > 0), events: events.filter(isAbout), refused }
    const answer = isExplained(found)
    if (answer === 'open') open++
    if (answer === false) throw new Violation(`${family.name} made ${identifier}: ${tell(found)}`)
  }
  return open
}

/** Of several tabs that decide about one refused draft at the same time, the first to reach the owner does. */
function asMade({ change, tab, index, retried, isLost = false }: Edit, { decided }: SimBrowser): MadeEdit {
  const mayBeTooLate = retried !== undefined && (decided.get(retried) ?? 0) > 1
  return { change, isOptional: isLost || mayBeTooLate || (!tab.isAlive && index >= tab.covered) }
}

function inheritedBy({ inherited }: SimBrowser): readonly MadeEdit[] {
  return inherited.map(({ draft }) => ({ change: draft, isOptional: true }))
}

function refusedOf({ browsers }: Family): readonly Change[] {
  return browsers.flatMap(({ refused }) => refused.map(({ draft }) => draft))
}

/** The place of each event among the edits of its line, over all objects, rises: an insert's is that of its birth. */
function checkOrder({ lines, decided, family }: SimBrowser, events: readonly TapeEvent[]): void {
  // What was published twice over, by a retry or by two profiles, has two places.
  if (decided.size > 0 || family.browsers.length > 1) return
  for (const { name, edits } of lines) {
    let last = -1
    for (const { type, values } of events) {
      const [maker, place] = String((type === 'insert' ? values?.born : values?.mark) ?? '').split('.')
      if (maker !== name) continue
      if (Number(place) <= last) throw new Violation(`${name}'s edit ${place} of ${edits.length} came after its edit ${last}.`)
      last = Number(place)
    }
  }
}

/** What the server refused stays with the client, on every tab, until somebody decides. */
function checkRefused({ refused, decided, name, open }: SimBrowser, record: ServerRecord): void {
  for (const entry of refused) {
    const key = refusalKey(entry)
    const { draft, refused: code = 'invalid', refusal } = entry
    const isDue = !entry.isKept || record.hasRefused(draft, code, refusal?.reason) || refused.some((other) => isInsertBefore(other, entry))
    if (!isDue) throw new Violation(`${name} keeps as refused what nobody had to refuse: ${key}.`)
    if (decided.has(key)) continue
    for (const { stream, line } of open) {
      const isThere = stream.status.refused.some(
        (each) => refusalKey(each) === key && each.code === code && each.reason === refusal?.reason,
      )
      if (!isThere) throw new Violation(`${line.name} does not tell of the refused draft ${key}.`)
    }
  }
  for (const { stream, line } of open) {
    for (const each of stream.status.refused) {
      const isRefused = refused.some((entry) => refusalKey(entry) === refusalKey(each))
      if (!isRefused) throw new Violation(`${line.name} tells of a refused draft that was not: ${refusalKey(each)}.`)
    }
  }
}

function isInsertBefore(other: SimBrowser['refused'][number], entry: SimBrowser['refused'][number]): boolean {
  return other.draft.type === 'insert' && other.draft.identifier === entry.draft.identifier && other.place < entry.place
}

/** What was refused is not on the tape, unless somebody tried again, or another profile had it, too. */
function checkNotTaken(family: Family, events: readonly TapeEvent[]): void {
  if (family.browsers.length > 1) return
  const marks = new Set(events.map(markOf))
  for (const { refused, decided } of family.browsers) {
    for (const entry of refused) {
      const mark = markOf(entry.draft)
      if (mark === undefined || decided.has(refusalKey(entry)) || !marks.has(mark)) continue
      throw new Violation(`${refusalKey(entry)} was refused, and is on the tape.`)
    }
  }
}

/** Whoever made a draft and lives knows what became of it. */
function checkPublications({ lines }: SimBrowser): void {
  for (const { name, edits } of lines) {
    for (const { tab, index, publication } of edits) {
      if (!tab.isAlive || tab.isClosed || publication === undefined) continue
      const { state } = publication
      const isOver = ['applied', 'refused', 'folded-away', 'discarded'].includes(state.type)
      if (!isOver) throw new Violation(`What became of ${name}'s edit ${index} is said to be ${JSON.stringify(state)}.`)
    }
  }
}

function tell({ made, events, refused }: Parameters<typeof isExplained>[0]): string {
  const text = ({ type, values }: Change) => `${type}${values === undefined ? '' : JSON.stringify(values)}`
  const edits = made.map((each) => each.map(({ change, isOptional }) => `${text(change)}${isOptional ? '?' : ''}`).join(' '))
  return `${edits.join(' | ')}; the tape has ${events.map(text).join(' ')}; refused were ${refused.map(text).join(' ')}.`
}
