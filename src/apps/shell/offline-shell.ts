/**
 * A page's side of the service worker: asks for it, says which build the page is of, and tells when the worker has
 * become one of another build. Where there are no service workers, pages need the network to open, and work the same.
 */
import { shellName } from '../service-worker/shell-name.ts'

const workerPath = '/service-worker.js'

/** Has the shell kept, and calls `onNewVersion` when a reload would bring another build. */
export function keepShell(onNewVersion: () => void): void {
  // The build that the page's own markup names.
  const version = document.querySelector<HTMLMetaElement>('meta[name="version"]')?.content
  if (!('serviceWorker' in navigator) || version === undefined) return
  const { serviceWorker } = navigator
  serviceWorker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    const current = versionOf(data)
    if (current !== undefined && current !== version) onNewVersion()
  })
  serviceWorker.startMessages()
  const greet = () => serviceWorker.controller?.postMessage({ type: 'page', version })
  serviceWorker.addEventListener('controllerchange', greet)
  // Only with its lock does the page count: what others have left may be taken away then.
  holdLock(shellName(version), greet)
  register().catch((error: unknown) => console.warn('This browser does not keep the page for later.', error))
  updateWhenLookedAt()
}

/**
 * While it is held, files of this build stay cached. It is let go of when the page goes to rest in the browser's memory
 * of pages gone by, which takes none that holds a lock, and where it needs no files.
 */
function holdLock(name: string, onHeld: () => void): void {
  const hold = () => {
    const gone = new Promise<void>((resolve) => addEventListener('pagehide', () => resolve(), { once: true }))
    const held = () => {
      onHeld()
      return gone
    }
    navigator.locks.request(name, { mode: 'shared' }, held).catch(console.warn)
  }
  hold()
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) hold()
  })
}

async function register(): Promise<void> {
  // An address that is to run as a script has to come out of a policy that the page's headers allow. This one knows one.
  const { trustedTypes } = globalThis as typeof globalThis & TrustedTypesGlobal
  const address =
    trustedTypes?.createPolicy('service-worker', { createScriptURL: () => workerPath }).createScriptURL(workerPath) ?? workerPath
  await navigator.serviceWorker.register(address as string, { updateViaCache: 'none' })
}

/** A browser looks for a new build when a page is opened; one that stays open for days is looked after here. */
function updateWhenLookedAt(): void {
  const update = async () => {
    if (document.visibilityState !== 'visible') return
    const registration = await navigator.serviceWorker.getRegistration()
    // Without a network there is nothing new.
    await registration?.update().catch(() => {})
  }
  document.addEventListener('visibilitychange', () => void update())
  addEventListener('online', () => void update())
}

function versionOf(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null) return undefined
  return 'type' in message && message.type === 'shell' && 'version' in message && typeof message.version === 'string'
    ? message.version
    : undefined
}

/** As much of it as is used here; browsers without it take the address as it is. */
interface TrustedTypesGlobal {
  readonly trustedTypes?: {
    createPolicy(name: string, rules: { createScriptURL(input: string): string }): { createScriptURL(input: string): unknown }
  }
}
