/** The way to the server of a process that may die: then it hears nothing more, and waits for ever for what it had asked. */
import type { Transport } from '../../src/client/index.ts'

export function mortalTransport(transport: Transport, isAlive: () => boolean, onSent: (text: string) => void = () => {}): Transport {
  const whileAlive =
    <Request, Answer>(ask: (request: Request) => Promise<Answer>) =>
    async (request: Request): Promise<Answer> => {
      const answer = await ask(request)
      return isAlive() ? answer : new Promise(() => {})
    }
  return {
    connect: (request, events) => {
      const link = transport.connect(request, {
        onFrame: (text) => isAlive() && events.onFrame(text),
        onClose: (closing) => isAlive() && events.onClose(closing),
      })
      return {
        send: (text) => {
          onSent(text)
          link.send(text)
        },
        close: () => link.close(),
      }
    },
    read: whileAlive((request) => transport.read(request)),
    readSizes: whileAlive((request) => transport.readSizes(request)),
    readObjects: whileAlive((request) => transport.readObjects(request)),
    readSnapshot: whileAlive((request) => transport.readSnapshot(request)),
    readHash: whileAlive((request) => transport.readHash(request)),
    readChunk: whileAlive((request) => transport.readChunk(request)),
  }
}
