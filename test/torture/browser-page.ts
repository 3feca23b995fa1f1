/**
 * The page around the tabs of a browser that is to be killed. It may crash one of them first, and open it anew. It keeps a
 * database of its own, which nobody else touches: when that is gone, the browser itself has lost what it had stored.
 */
import { openDB } from 'idb'
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

const canary = await openDB('canary', 1, { upgrade: (database) => void database.createObjectStore('cage') })
const isThere = (await canary.get('cage', 'bird')) !== undefined
tell(isThere ? 'there' : 'absent')
if (!isThere) await canary.put('cage', 'alive', 'bird')
tell('there')

/** Returns when it has been heard. */
function tell(state: 'there' | 'absent'): void {
  const request = new XMLHttpRequest()
  request.open('POST', '/canary', false)
  request.send(state)
}

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
