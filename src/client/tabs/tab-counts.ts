/** How many drafts an owner has taken from each tab that works through it, by the tab's id. */

export type TabCounts = Readonly<Record<string, number>>

/** Tabs come and go. A tab that is told nothing for as long as so many others publish is not there any more. */
const tabsMax = 64

export function countOf(counts: TabCounts, tab: string): number {
  return Object.hasOwn(counts, tab) ? (counts[tab] ?? 0) : 0
}

export function withCount(counts: TabCounts, tab: string, drafts: number): TabCounts {
  const { [tab]: _, ...others } = counts
  return Object.fromEntries([...Object.entries(others).slice(1 - tabsMax), [tab, drafts]])
}
