/**
 * npm start: everything one needs to try it, on this machine alone. Makes a secret, builds the demo pages, and keeps
 * the server running until Ctrl-C. What is on the tapes stays in .wrangler/state.
 */
import { parseArgs } from 'node:util'
import { buildPages } from './build.ts'
import { ensureSecret } from './dev-vars.ts'
import { isPortFree, runLocalServer } from './local-server.ts'

const usage = 'Usage: npm start [-- --port 8787]'

function readPort(): number | undefined {
  try {
    const { values } = parseArgs({ options: { port: { type: 'string', default: '8787' } } })
    const port = Number(values.port)
    if (Number.isInteger(port) && port > 0 && port < 65_536) return port
    console.error(`--port "${values.port}" is not a port.\n${usage}`)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`)
  }
  return undefined
}

function greeting(port: number): string {
  const origin = `http://localhost:${port}`
  return `
  Tapeline runs on ${origin}

  Open these in two windows side by side, and use both:
    ${origin}/light-switch/
    ${origin}/todo/
    ${origin}/guests/
    ${origin}/notes/
    ${origin}/files/

  The same from a script, as a third hand:
    TOKEN=$(npm run --silent token -- --sub me --stream 'demo.*' --may read,publish)
    curl ${origin}/v1/streams/demo.light/events -H "Authorization: Bearer $TOKEN" \\
      -H 'Content-Type: application/json' \\
      -d '{"drafts":[{"type":"insert","collection":"lights","identifier":"lamp","values":{"on":true}}]}'

  A directory kept in step with the folder of /files/:
    npm run sync -- ./some-directory --stream demo.files${port === 8787 ? '' : ` --server ${origin}`}

  Ctrl-C ends it. What is on the tapes stays.
`
}

async function main(port: number): Promise<void> {
  if (!(await isPortFree(port))) {
    console.error(`Port ${port} is taken. End what listens there, or use another one: npm start -- --port ${port + 1}`)
    process.exitCode = 1
    return
  }
  if (await ensureSecret()) console.log('Made a secret in .dev.vars.')
  await buildPages()
  console.log('Built the pages. Starting the server …')

  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.abort())
  let hasGreeted = false
  await runLocalServer(port, ending.signal, {
    onReady: () => {
      console.log(hasGreeted ? 'The server runs again.' : greeting(port))
      hasGreeted = true
    },
    onLine: (line) => console.error(line),
    onRestart: () => console.error('The server ended by itself. Starting it again …'),
  })
}

const port = readPort()
if (port === undefined) process.exitCode = 1
else {
  try {
    await main(port)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
