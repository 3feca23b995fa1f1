/** The page around the tabs of a browser that is to be killed. It may crash one of them first, and open it anew. */
import type { TabLife } from './browser-tab.ts'
import type { Entry } from './history.ts'

export interface PageLife {
  readonly tabs: readonly TabLife[]
  /** The tab of this life's name goes after a while, without being asked, and comes again. */
  readonly crash?: { readonly afterMs: number; readonly next: TabLife }
}

const { tabs, crash } = JSON.parse(decodeURIComponent(location.search.slice(1))) as PageLife
const frames = new Map(tabs.map((life) => [life.who, open(life)]))
if (crash !== undefined) setTimeout(() => reopen(crash.next), crash.afterMs)

function open(life: TabLife): HTMLIFrameElement {
  const frame = document.createElement('iframe')
  frame.src = `/tab?${encodeURIComponent(JSON.stringify(life))}`
  return document.body.appendChild(frame)
}

function reopen(life: TabLife): void {
  frames.get(life.who)?.remove()
  const request = new XMLHttpRequest()
  request.open('POST', life.entries, false)
  request.send(JSON.stringify({ type: 'killed', who: life.who } satisfies Entry))
  open(life)
}
