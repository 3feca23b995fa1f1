/** Serves built pages from a folder, as a deployment's static assets are: with their headers, and nothing cached unasked. */
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { extname, join } from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

export class PageServer {
  readonly #server: Server
  /** What is served from now on: another folder is another deployment. */
  folder: string
  /** Gives what becomes of a file on its way: other contents, or undefined when it does not arrive. */
  onFile: (path: string, contents: Buffer) => Buffer | undefined = (_, contents) => contents

  private constructor(folder: string) {
    this.folder = folder
    this.#server = createServer(async (request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost')
      const path = pathname.endsWith('/') ? `${pathname}index.html` : pathname
      const contents = await readFile(join(this.folder, path)).catch(() => undefined)
      const body = contents === undefined ? undefined : this.onFile(path, contents)
      if (body === undefined) return void response.writeHead(404).end()
      const headers = await readHeaders(this.folder)
      response.writeHead(200, { ...headers, 'Content-Type': types[extname(path)] ?? 'application/octet-stream' }).end(body)
    })
  }

  static async start(folder: string): Promise<PageServer> {
    const server = new PageServer(folder)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get origin(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('The server does not listen.')
    return `http://127.0.0.1:${address.port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

async function readHeaders(folder: string): Promise<Record<string, string>> {
  const lines = (await readFile(join(folder, '_headers'), 'utf8')).split('\n').slice(1)
  return Object.fromEntries(
    lines
      .filter((line) => line.includes(': '))
      .map((line) =>
        line
          .trim()
          .split(/: (.*)/)
          .slice(0, 2),
      ),
  )
}
