import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Lints planted files, under this project's configuration, in a tree of their own; gives what was said of each. */
function lintPlanted(planted: readonly (readonly [path: string, text: string])[]): string[] {
  const tree = mkdtempSync(`${tmpdir()}/layers-`)
  try {
    copyFileSync(`${root}/biome.json`, `${tree}/biome.json`)
    const paths = planted.map(([path, text], index) => {
      const file = path.replace('planted', `planted-${index}`)
      mkdirSync(dirname(`${tree}/${file}`), { recursive: true })
      writeFileSync(`${tree}/${file}`, text)
      return file
    })
    const command = [
      `${root}/node_modules/@biomejs/biome/bin/biome`,
      'lint',
      '--vcs-enabled=false',
      '--max-diagnostics=none',
      '--reporter=github',
    ]
    const { stdout } = spawnSync('node', command, { cwd: tree, encoding: 'utf8' })
    return paths.map((path) =>
      stdout
        .split('\n')
        .filter((line) => line.includes(`/${path},`))
        .join('\n'),
    )
  } finally {
    rmSync(tree, { recursive: true })
  }
}

const importOf = (specifier: string) => `import { planted } from '${specifier}'\nexport const use = planted\n`

/** One import for each rule that forbids one. */
const forbidden = [
  ['src/protocol/planted.ts', '../client/index.ts', 'protocol imports nothing'],
  ['src/protocol/planted.ts', '../server/auth.ts', 'protocol imports nothing'],
  ['src/protocol/planted.ts', 'node:fs', 'protocol imports nothing'],
  ['src/protocol/deltas/planted.ts', '../../client/index.ts', 'protocol imports nothing'],
  ['src/server/planted.ts', '../client/index.ts', 'server may import protocol alone'],
  ['src/server/planted.ts', '../models/index.ts', 'server may import protocol alone'],
  ['src/server/planted.ts', '../browser/index.ts', 'server may import protocol alone'],
  ['src/client/planted.ts', '../server/sequencer.ts', 'client may import'],
  ['src/client/planted.ts', '../models/index.ts', 'client may import'],
  ['src/client/planted.ts', '../browser/index.ts', 'client may import'],
  ['src/client/planted.ts', 'node:timers', 'client may import'],
  ['src/client/planted.ts', '../protocol/seq-ranges.ts', 'client may import'],
  ['src/models/planted.ts', '../client/stream.ts', 'models may import'],
  ['src/models/collection/planted.ts', '../../client/stream.ts', 'models may import'],
  ['src/models/collection/planted.ts', '../../browser/index.ts', 'models may import'],
  ['src/models/planted.ts', '../server/auth.ts', 'models may import'],
  ['src/models/planted.ts', '../browser/index.ts', 'models may import'],
  ['src/browser/planted.ts', '../client/stream.ts', 'browser may import'],
  ['src/browser/planted.ts', '../server/auth.ts', 'browser may import'],
  ['src/browser/planted.ts', '../models/index.ts', 'browser may import'],
  ['src/node/planted.ts', '../client/stream.ts', 'node may import'],
  ['src/node/planted.ts', '../browser/index.ts', 'node may import'],
  ['src/node/planted.ts', 'cloudflare:workers', 'node may import'],
  ['src/apps/todo/planted.ts', '../../client/index.ts', 'apps may import'],
  ['src/apps/todo/planted.ts', '../../protocol/index.ts', 'apps may import'],
  ['src/apps/todo/planted.ts', '../../server/auth.ts', 'apps may import'],
  ['src/apps/todo/planted.ts', '../../browser/web-transport.ts', 'apps may import'],
] as const

const allowed = [
  ['src/protocol/planted.ts', './codes.ts'],
  ['src/protocol/deltas/planted.ts', '../event.ts'],
  ['src/server/planted.ts', '../protocol/codes.ts'],
  ['src/client/planted.ts', '../protocol/index.ts'],
  ['src/models/planted.ts', '../client/reconciler.ts'],
  ['src/browser/planted.ts', '../client/index.ts'],
  ['src/node/planted.ts', '../client/index.ts'],
  ['src/node/planted.ts', 'node:sqlite'],
  ['src/apps/todo/planted.ts', '../../browser/index.ts'],
  ['src/apps/todo/planted.ts', '../../models/index.ts'],
] as const

const clockless = ['src/protocol/planted.ts', 'src/client/planted.ts', 'src/models/planted.ts', 'src/server/turn/sequencer.ts']

describe('the layers', () => {
  const refused = lintPlanted(forbidden.map(([path, specifier]) => [path, importOf(specifier)]))
  const accepted = lintPlanted(allowed.map(([path, specifier]) => [path, importOf(specifier)]))
  const clocks = lintPlanted(clockless.map((path) => [path, 'export const time = Date.now()\n']))

  test.each(forbidden.map((rule, index) => [...rule, index] as const))('%s may not import %s', (_path, _specifier, message, index) => {
    expect(refused[index]).toContain(message)
  })

  test.each(allowed.map((rule, index) => [...rule, index] as const))('%s may import %s', (_path, _specifier, index) => {
    expect(accepted[index]).toBe('')
  })

  test.each(clockless.map((path, index) => [path, index] as const))('%s may not read the clock', (_path, index) => {
    expect(clocks[index]).toContain('noRestrictedGlobals')
  })
})

/** What each folder's compiler library must not know. */
const unknown = [
  ['protocol', 'document.title'],
  ['protocol', 'setTimeout(() => {}, 1)'],
  ['client', 'document.title'],
  ['client', "new WebSocket('wss://example.com')"],
  ['client', 'setTimeout(() => {}, 1)'],
  ['models', 'localStorage.length'],
  ['server', 'document.title'],
  ['server', 'localStorage.length'],
  ['browser', 'process.env.HOME'],
  ['node', 'document.title'],
  ['apps', 'new WebSocketPair()'],
] as const

describe("the folders' compiler libraries", () => {
  const folder = `${root}/dist/planted`
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(unknown)('%s does not know %s', (layer, expression) => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(`${folder}/planted.ts`, `export const planted = ${expression}\n`)
    writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ extends: `../../src/${layer}/tsconfig.json`, include: ['planted.ts'] }))
    const compile = () => execFileSync('npx', ['tsc', '-p', folder], { cwd: root, encoding: 'utf8', stdio: 'pipe' })
    expect(compile).toThrow(expect.objectContaining({ stdout: expect.stringMatching(/TS2304|TS2584|TS2580|TS2591|TS2552/) }))
  })
})
