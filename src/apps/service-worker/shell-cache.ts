/** The files of one build in the browser's cache storage, under the build's name. */
import { isShellName, shellName } from './shell-name.ts'

export interface ShellBuild {
  readonly version: string
  /** Addresses of the pages: `/todo/`. */
  readonly pages: readonly string[]
  /** All files, the pages' own included, with what their contents must be, as `integrity` has it. */
  readonly files: Readonly<Record<string, string>>
}

/** Where a cache keeps the names of the shells that were there before it. No page asks for it. */
const olderPath = '/.older-shells'

export class ShellCache {
  readonly #build: ShellBuild
  readonly #name: string

  constructor(build: ShellBuild) {
    this.#build = build
    this.#name = shellName(build.version)
  }

  /**
   * Fetches all files. Rejects, and keeps nothing, unless each is there with exactly the contents of this build: a
   * deployment that has moved on meanwhile, or an answer of somebody on the way, does not get in.
   */
  async fill(): Promise<void> {
    const names = (await caches.keys()).filter(isShellName)
    const older = names.filter((name) => name !== this.#name)
    const cache = await caches.open(this.#name)
    try {
      await cache.addAll(Object.entries(this.#build.files).map(([path, integrity]) => new Request(path, { integrity, cache: 'no-cache' })))
      await cache.put(olderPath, Response.json(older))
    } catch (error) {
      // One that was there before is whole, and may be in use.
      if (!names.includes(this.#name)) await caches.delete(this.#name)
      throw error
    }
  }

  hasPage(path: string): boolean {
    return this.#build.pages.includes(path)
  }

  /** A page, whatever its query. From the network when it is not there, because somebody has emptied the cache. */
  async page(path: string, request: Request): Promise<Response> {
    return (await this.#match(path, this.#name)) ?? fetch(request)
  }

  /** Something that a page is made of, of the page's own build. */
  async part(request: Request): Promise<Response> {
    return (await this.#match(request)) ?? fetch(request)
  }

  /** Takes away the shells that were there before this one and are not in use. One that came later is not ours to judge. */
  async forgetOlder(used: readonly string[]): Promise<void> {
    const kept = await this.#match(olderPath, this.#name)
    const older: unknown = await kept?.json()
    if (!Array.isArray(older)) return
    for (const name of older) if (!used.includes(name)) await caches.delete(name)
  }

  /** A storage that cannot be read is as good as an empty one. */
  #match(request: Request | string, cacheName?: string): Promise<Response | undefined> {
    return caches.match(request, cacheName === undefined ? {} : { cacheName }).catch(() => undefined)
  }
}
