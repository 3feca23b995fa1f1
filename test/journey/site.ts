/** What journeys share: one deployment with its pages, one browser, and visits that are looked at when they end. */
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { launchBrowser, Visit } from '../support/browser.ts'
import { Deployment } from '../support/deployment.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

export class Site {
  deployment!: Deployment
  browser!: Browser
  readonly #visits: Visit[] = []
  readonly #proxies: TcpProxy[] = []
  #names = 0

  /** Sets up once for a file; after each test every visit ends, and none may have been offended. */
  static use(): Site {
    const site = new Site()
    beforeAll(async () => {
      ;[site.deployment, site.browser] = await Promise.all([Deployment.start({ servesPages: true }), launchBrowser()])
    })
    afterEach(() => site.#leave())
    afterAll(async () => {
      await site.browser.close()
      await site.deployment.dispose()
    })
    return site
  }

  /** A name that no other test uses, for a stream that guests may open. */
  newStream(): string {
    return `demo.journey-${++this.#names}`
  }

  async visit(
    path: string,
    { origin = this.deployment.origin, ...options }: BrowserContextOptions & { origin?: string } = {},
  ): Promise<Visit> {
    const visit = await Visit.start(this.browser, origin + path, options)
    this.#visits.push(visit)
    return visit
  }

  /** A network of its own, to be cut. */
  async network(): Promise<TcpProxy> {
    const proxy = await TcpProxy.start(this.deployment.port)
    this.#proxies.push(proxy)
    return proxy
  }

  async #leave(): Promise<void> {
    const visits = this.#visits.splice(0)
    await Promise.all(visits.map((visit) => visit.end()))
    await Promise.all(this.#proxies.splice(0).map((proxy) => proxy.stop()))
    expect(visits.flatMap(({ offences }) => offences)).toEqual([])
  }
}

/** Expects of what `look` gives that it becomes so, whenever that is. */
export function eventually<T>(look: () => T | Promise<T>) {
  return expect.poll(look, { timeout: 10_000, interval: 50 })
}
