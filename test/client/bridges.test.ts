/** What another tab made without knowing the newest: taken to where the owner's outbox and tape have gone since. */
import { describe, expect, test } from 'vitest'
import { Bridges } from '../../src/client/tabs/bridges.ts'
import { applyDeltas, type Change, type Deltas, type Json } from '../../src/protocol/index.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { type TestTab, twoTabs } from '../support/test-tabs.ts'

const object = { collection: 'notes', identifier: 'n' }
const typed = (deltas: Deltas): Change => ({ type: 'update', ...object, deltas: { body: deltas } })
const marksOf = (text: string): readonly string[] => text.match(/<[^>]*>/g) ?? []

/** An insertion of a mark between two others. */
function edit(text: string, mark: string, random: SeededRandom) {
  const marks = marksOf(text)
  const place = random.below(marks.length + 1)
  const deltas: Deltas = [{ type: 'insert', offset: marks.slice(0, place).join('').length, values: mark }]
  return { deltas, text: String(applyDeltas(text, deltas)), left: marks[place - 1], right: marks[place] }
}

describe('bridges', () => {
  test('[C14][D8] whatever a tab does not know of, its marks end where they were put', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed)
      const bridges = new Bridges()
      const made: { readonly mark: string; readonly left: string | undefined; readonly right: string | undefined }[] = []
      let owner = ''
      let [place, seq] = [0, -1]
      const tabs = ['t1', 't2'].map((tab) => ({
        tab,
        text: '',
        known: { place: 0, seen: -1 },
        waiting: [] as { deltas: Deltas; known: { place: number; seen: number } }[],
      }))
      for (let step = 0; step < 80; step++) {
        const tab = random.pick(tabs)
        const dice = random.next()
        if (dice < 0.4) {
          // The tab makes something on what it shows.
          const { deltas, text, left, right } = edit(tab.text, `<${tab.tab}.${step}>`, random)
          made.push({ mark: `<${tab.tab}.${step}>`, left, right })
          tab.text = text
          tab.waiting.push({ deltas, known: tab.known })
        } else if (dice < 0.6) {
          // The owner takes the oldest draft of the tab.
          const draft = tab.waiting.shift()
          if (draft === undefined) continue
          const brought = bridges.bring(typed(draft.deltas), { tab: tab.tab, ...draft.known })
          owner = String(applyDeltas(owner, brought?.deltas?.body ?? []))
          bridges.record({ ...object, deltas: brought?.deltas ?? {}, place: ++place, tab: tab.tab })
        } else if (dice < 0.85) {
          // The owner makes something, or somebody else's event comes.
          const mark = `<o.${step}>`
          const { deltas, text, left, right } = edit(owner, mark, random)
          made.push({ mark, left, right })
          owner = text
          bridges.record({ ...object, deltas: { body: deltas }, ...(random.chance(0.5) ? { place: ++place } : { seq: ++seq }) })
        } else if (tab.waiting.length === 0) {
          // The tab hears of all.
          tab.text = owner
          tab.known = { place, seen: seq }
        }
      }
      for (const tab of tabs) {
        for (const draft of tab.waiting) {
          const brought = bridges.bring(typed(draft.deltas), { tab: tab.tab, ...draft.known })
          owner = String(applyDeltas(owner, brought?.deltas?.body ?? []))
          bridges.record({ ...object, deltas: brought?.deltas ?? {}, place: ++place, tab: tab.tab })
        }
      }
      const marks = marksOf(owner)
      const at = new Map(marks.map((mark, index) => [mark, index]))
      expect(marks.join(''), `seed ${seed}`).toBe(owner)
      expect(marks).toHaveLength(made.length)
      for (const { mark, left, right } of made) {
        const found = at.get(mark) ?? -1
        expect(at.get(left ?? '') ?? -1, `seed ${seed}: ${mark} behind ${left}`).toBeLessThan(found)
        expect(at.get(right ?? '') ?? Number.POSITIVE_INFINITY, `seed ${seed}: ${mark} before ${right}`).toBeGreaterThan(found)
      }
    }
  })

  test('[C14] what both took away is gone once, and a draft may come to nothing', () => {
    const bridges = new Bridges()
    const both: Deltas = [{ type: 'delete', offset: 1, count: 3 }]
    bridges.record({ ...object, deltas: { body: both }, seq: 4 })
    expect(bridges.bring(typed(both), { tab: 't', seen: 3, place: 0 })).toBeUndefined()
    expect(bridges.bring(typed(both), { tab: 'u', seen: 4, place: 0 })).toEqual(typed(both))
  })
})

test('[C14][D8] two tabs write before they hear of each other, and both end with all of it', async () => {
  const { owner, follower } = await twoTabs()
  owner.stream.publish(typed([{ type: 'insert', offset: 0, values: 'abc' }]))
  await owner.settle()
  owner.stream.publish(typed([{ type: 'insert', offset: 0, values: '1' }]))
  follower.stream.publish(typed([{ type: 'insert', offset: 3, values: '2' }]))
  follower.stream.publish(typed([{ type: 'insert', offset: 4, values: '3' }]))
  await owner.settle()
  const shown = ({ model }: TestTab) => {
    return model.pending.reduce<Json | undefined>((text, { deltas }) => applyDeltas(text, deltas?.body ?? []), undefined)
  }
  expect([shown(owner), shown(follower)]).toEqual(['1abc23', '1abc23'])
})
