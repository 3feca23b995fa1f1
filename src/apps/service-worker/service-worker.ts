/**
 * Keeps the shell of the demos (pages, scripts, styles, icon) in the browser, so that they open without a network.
 * Each build has a worker of its own, which knows the files of that build and their contents.
 *
 *   install ─► all files of this build, exactly, or nothing ─► activate ─► pages opened from now on are of this build
 *                                                                └─► pages that are open are told, and stay as they are
 *
 * Scripts and styles have their contents' hash in their names: a page asks for those that it was built with, and finds
 * them in its own build's cache, whichever worker is in charge by then. Data never passes here, only what a page is
 * made of.
 */
import { type ShellBuild, ShellCache } from './shell-cache.ts'
import { isShellName } from './shell-name.ts'

/** Put before it by the build. */
declare const shellBuild: ShellBuild
declare const self: ServiceWorkerGlobalScope

const shell = new ShellCache(shellBuild)

self.addEventListener('install', (event) => event.waitUntil(install()))
self.addEventListener('activate', (event) => event.waitUntil(activate()))
self.addEventListener('message', (event) => event.waitUntil(greet(event)))
self.addEventListener('fetch', (event) => {
  const answer = answerTo(event.request)
  if (answer !== undefined) event.respondWith(answer)
})

async function install(): Promise<void> {
  await shell.fill()
  await self.skipWaiting()
}

async function activate(): Promise<void> {
  await self.clients.claim()
  await forgetOlderShells()
}

/** A page says that it has loaded, and learns of which build the worker is: the reason to offer a reload. */
async function greet({ source }: ExtendableMessageEvent): Promise<void> {
  source?.postMessage({ type: 'shell', version: shellBuild.version })
  await forgetOlderShells()
}

/** Undefined for what is none of the shell: the browser goes on as if there were no worker. */
function answerTo(request: Request): Promise<Response> | undefined {
  const { origin, pathname, search } = new URL(request.url)
  if (request.method !== 'GET' || origin !== location.origin) return undefined
  if (request.mode !== 'navigate') return isPart(request) ? shell.part(request) : undefined
  const page = pathname.replace(/index\.html$/, '')
  if (page === pathname && shell.hasPage(page)) return shell.page(page, request)
  const address = [page, `${page}/`].find((path) => shell.hasPage(path))
  return address === undefined ? undefined : Promise.resolve(Response.redirect(address + search, 307))
}

function isPart({ destination }: Request): boolean {
  return destination === 'script' || destination === 'style' || destination === 'image'
}

/** A page holds a lock in its build's name while it is open. */
async function forgetOlderShells(): Promise<void> {
  const [windows, { held = [] }] = await Promise.all([
    self.clients.matchAll({ type: 'window', includeUncontrolled: true }),
    navigator.locks.query(),
  ])
  const used = held.flatMap(({ name }) => (name !== undefined && isShellName(name) ? [name] : []))
  // One that is still loading holds no lock yet, and may need any of them: it is for the next time.
  if (used.length >= windows.length) await shell.forgetOlder(used)
}
