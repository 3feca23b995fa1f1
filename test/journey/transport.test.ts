/** The browser's transport, in Node's WebSocket and fetch, to a real deployment through a network that fails. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebTransport } from '../../src/browser/web-transport.ts'
import { Refusal } from '../../src/protocol/index.ts'
import { type TransportRig, transportContract } from '../contract/transport.ts'
import { Deployment } from '../support/deployment.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { testToken } from '../support/tokens.ts'

let deployment: Deployment
let streams = 0

beforeAll(async () => {
  deployment = await Deployment.start()
})
afterAll(() => deployment.dispose())

async function createRig(): Promise<TransportRig> {
  const name = `transport-${++streams}`
  const proxy = await TcpProxy.start(deployment.port)
  return {
    transport: new WebTransport(new URL(deployment.streamAddress(name, proxy.origin))),
    token: await testToken({ name }),
    publish: (count) => deployment.publish(name, insertsOf(count)),
    cut: () => proxy.cut(),
    setDown: (isDown) => {
      proxy.refuse(isDown)
      if (isDown) proxy.cut()
    },
    until: async (condition) => {
      await vi.waitUntil(condition, { timeout: 10_000, interval: 2 })
    },
    dispose: () => proxy.stop(),
  }
}

function insertsOf(count: number) {
  return Array.from({ length: count }, (_, i) => ({ type: 'insert', collection: 'things', identifier: `thing-${i}`, values: {} }))
}

transportContract('over the web', createRig, 'not.a.token')

describe('a network that answers in the place of the server', () => {
  let portal: Server
  let transport: WebTransport

  beforeAll(async () => {
    portal = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<h1>Sign in to the Wi-Fi</h1>'))
    await new Promise<void>((resolve) => portal.listen(0, '127.0.0.1', resolve))
    const { port } = portal.address() as AddressInfo
    transport = new WebTransport(new URL(`http://127.0.0.1:${port}/v1/streams/demo.x`))
  })
  afterAll(() => portal.close())

  test('[C1] a read is a failure of the network, to be tried again, and no refusal', async () => {
    const reading = transport.read({ token: 'token', ranges: [[0, 1]], epoch: 'epoch' })
    await expect(reading).rejects.toThrow('not of the server')
    await expect(reading).rejects.not.toBeInstanceOf(Refusal)
  })

  test('[C6] an opening fails for no reason of the server', async () => {
    const closing = new Promise((resolve) => {
      transport.connect({ token: 'token', after: -1, epoch: null }, { onFrame: () => {}, onClose: resolve })
    })
    expect(await closing).toEqual({})
  })

  test('[C4] a link that is left while the reason of its end is asked for says nothing any more', async () => {
    const told: unknown[] = []
    const asked = new Promise<void>((resolve) => {
      portal.on('request', ({ headers }) => {
        if (headers.upgrade === undefined) resolve()
      })
    })
    const link = transport.connect(
      { token: 'token', after: -1, epoch: null },
      { onFrame: () => {}, onClose: (closing) => told.push(closing) },
    )
    await asked
    link.close()
    // When the next one has been answered, the first one has been, too.
    await new Promise((resolve) => {
      transport.connect({ token: 'token', after: -1, epoch: null }, { onFrame: () => {}, onClose: resolve })
    })
    expect(told).toEqual([])
  })
})
