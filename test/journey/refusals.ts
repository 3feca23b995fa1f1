/** A server that refuses what it would take: the frames that bring a draft back are hard to come by otherwise. */
import type { Page } from 'playwright-core'

/** Answers the next publishes of the page's sockets, so many of them, with a refusal of their first draft. */
export async function refuseDrafts(page: Page, times: number): Promise<void> {
  let left = times
  await page.routeWebSocket(/\/live/, (socket) => {
    const server = socket.connectToServer()
    socket.onMessage((message) => {
      const frame = String(message).startsWith('{') ? JSON.parse(String(message)) : undefined
      if (frame?.type !== 'publish' || left === 0) return server.send(message)
      left--
      socket.send(JSON.stringify({ type: 'refused', ref: frame.ref, code: 'too-large', counter: frame.drafts[0].counter }))
    })
  })
}
