/**
 * The Worker's own ear on a stream: it listens on a socket, as any client does, and translates for readers who
 * cannot, so that for the object every waiting reader is a socket that lets it sleep.
 */
import { Refusal } from '../../protocol/codes.ts'
import { decodeServerFrame, type ServerFrame, subprotocol } from '../../protocol/frames.ts'
import { tokenOf } from '../auth.ts'

export interface Listening {
  send(frame: object): void
  close(): void
}

export interface ListeningOptions {
  readonly after?: number
  readonly epoch?: string | undefined
  readonly onFrame: (frame: ServerFrame) => void
  readonly onClose: () => void
}

/** Opens a socket to the object in the name of the request's token. Throws what the object refuses. */
export async function listen(
  request: Request,
  stream: { fetch(request: Request): Promise<Response> },
  { after, epoch, onFrame, onClose }: ListeningOptions,
): Promise<Listening | Response> {
  const address = new URL(request.url)
  // However the last part was written, it was the events' address.
  address.pathname = address.pathname.replace(/[^/]*$/, 'live')
  address.search = ''
  if (after !== undefined) address.searchParams.set('after', String(after))
  if (epoch !== undefined) address.searchParams.set('epoch', epoch)
  const answer = await stream.fetch(
    new Request(address, {
      headers: { Upgrade: 'websocket', Authorization: `Bearer ${tokenOf(request)}`, 'Sec-WebSocket-Protocol': subprotocol },
    }),
  )
  const socket = answer.webSocket
  if (socket === null) return answer
  socket.addEventListener('message', ({ data }) => onFrame(decodeServerFrame(String(data))))
  socket.addEventListener('close', onClose)
  socket.addEventListener('error', onClose)
  socket.accept()
  return { send: (frame) => socket.send(JSON.stringify(frame)), close: () => socket.close(1000, 'done') }
}

/** Throws `wrong-epoch` unless the stream is under the epoch asked for. */
export function checkEpoch(asked: string | undefined, frame: { readonly epoch: string | null; readonly latestSeq: number }): void {
  if (asked !== undefined && asked !== frame.epoch) {
    throw new Refusal('wrong-epoch', { epoch: frame.epoch, latestSeq: frame.latestSeq })
  }
}
