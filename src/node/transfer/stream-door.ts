/** One stream over HTTP, for who reads or writes much of it: what fails on the way is asked again, what is refused is told. */
import { setTimeout as sleep } from 'node:timers/promises'
import { codeFacts, isCode } from '../../protocol/index.ts'
import { RefusedTransfer, TransferError, UnansweredTransfer } from './transfer-error.ts'

export interface StreamDoorOptions {
  /** Of the stream: https://…/v1/streams/name */
  readonly address: URL
  readonly token: () => string | Promise<string>
  /** Ends what is under way. */
  readonly signal?: AbortSignal | undefined
}

/** A page or batch has some 2 MB at most; what takes longer than this will not come any more. */
const answerMsMax = 60_000

/** Half a minute in all: whoever waits longer than that wants to know. */
const retryDelaysMs = [100, 250, 500, 1000, 2000, 4000, 8000, 15_000]

export class StreamDoor {
  readonly #options: StreamDoorOptions

  constructor(options: StreamDoorOptions) {
    this.#options = options
  }

  get(path: string): Promise<unknown> {
    return this.#ask(path, {})
  }

  /** What is sent here must do no harm when it comes twice. */
  post(path: string, body: string): Promise<unknown> {
    return this.#ask(path, { method: 'POST', body })
  }

  /** Throws a `TransferError`. */
  async #ask(path: string, init: RequestInit): Promise<unknown> {
    const { signal } = this.#options
    let problem = ''
    for (const delayMs of [0, ...retryDelaysMs]) {
      if (delayMs > 0) await sleep(delayMs, undefined, { signal }).catch(() => {})
      if (signal?.aborted === true) throw new TransferError('Interrupted.')
      try {
        return await this.#askOnce(path, init)
      } catch (error) {
        if (error instanceof TransferError) throw error
        problem = error instanceof Error ? reasonOf(error) : String(error)
      }
    }
    throw new UnansweredTransfer(`${this.#options.address.host} gives no answer: ${problem}`)
  }

  /** Throws a `TransferError` for what is refused for good, and anything else for what may go well the next time. */
  async #askOnce(path: string, init: RequestInit): Promise<unknown> {
    const { address, token, signal } = this.#options
    const deadline = AbortSignal.timeout(answerMsMax)
    const answer = await fetch(`${address}${path}`, {
      ...init,
      headers: { Authorization: `Bearer ${await token()}`, 'Content-Type': 'application/json' },
      signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
    })
    const text = await answer.text()
    if (answer.ok) return JSON.parse(text)
    const { code, said } = problemOf(text)
    const mayPass = code === undefined ? answer.status >= 500 : codeFacts(code).recovery === 'retry'
    if (mayPass) throw new Error(said ?? `It answers with status ${answer.status}.`)
    throw new RefusedTransfer(said ?? `${address.host} is no Tapeline server: it answers with status ${answer.status}.`)
  }
}

/** What a problem document says. */
function problemOf(text: string) {
  try {
    const { code, title, detail, hint } = JSON.parse(text) as Record<string, unknown>
    if (!isCode(code)) return { code: undefined, said: undefined }
    return { code, said: `${[title, detail, hint].filter((part) => typeof part === 'string').join(' ')} (${code})` }
  } catch {
    return { code: undefined, said: undefined }
  }
}

/** `fetch failed` says less than what it failed of. */
function reasonOf(error: Error): string {
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message
}
