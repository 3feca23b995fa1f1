/** Asks before a page is left, while something that was made there would be lost with it. */
import type { Stream, StreamStatus, Unsubscribe } from '../client/index.ts'

/**
 * Lets the browser ask its user, when they leave the page while a draft is not saved yet; or, where nothing outlives the
 * page, while one is not on the tape. What it gives ends that.
 */
export function warnBeforeLeaving(stream: Stream): Unsubscribe {
  // Outside of a page there is nobody to ask.
  if (globalThis.document === undefined) return () => {}
  const ask = (event: BeforeUnloadEvent) => event.preventDefault()
  const weigh = ({ storage, pending, refused }: StreamStatus) => {
    // A page with such a listener is slower to come back to, so it is there only while it is needed.
    if (storage.unsaved > 0 || (!storage.isDurable && pending + refused.length > 0)) addEventListener('beforeunload', ask)
    else removeEventListener('beforeunload', ask)
  }
  weigh(stream.status)
  const unsubscribe = stream.subscribe(weigh)
  return () => {
    unsubscribe()
    removeEventListener('beforeunload', ask)
  }
}
