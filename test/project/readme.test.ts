import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readme = readFileSync(`${root}/README.md`, 'utf8')
const folder = `${root}/dist/readme`

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the examples of README.md compile against the public entry points', () => {
  const examples = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code as string)
  const [ofServer, ofClient] = [examples.filter(isOfServer), examples.filter((code) => !isOfServer(code))]
  expect(ofServer.length * ofClient.length).toBeGreaterThan(0)
  expect(compile('client', ofClient, { lib: ['es2025', 'dom'], types: ['node'] })).toBe('')
  expect(compile('server', ofServer, { types: ['@cloudflare/workers-types'] })).toBe('')
}, 30_000)

function isOfServer(code: string): boolean {
  return code.includes("from 'tapeline/server'")
}

/** Gives what the compiler says of them. */
function compile(name: string, examples: readonly string[], compilerOptions: object): string {
  mkdirSync(`${folder}/${name}`, { recursive: true })
  for (const [index, code] of examples.entries()) writeFileSync(`${folder}/${name}/example-${index}.ts`, `${code}\nexport {}\n`)
  const config = { extends: '../../../tsconfig.base.json', compilerOptions, include: ['*.ts'] }
  writeFileSync(`${folder}/${name}/tsconfig.json`, JSON.stringify(config))
  try {
    execFileSync('npx', ['tsc', '-p', `${folder}/${name}`], { cwd: root, encoding: 'utf8', stdio: 'pipe' })
    return ''
  } catch (error) {
    return error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)
  }
}

test('the commands that README.md names exist', () => {
  const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { scripts: Record<string, string> }
  const named = [
    ...readme.matchAll(/npm (?:run (?:--silent )?)?(start|test|check|simulate|torture|bench|token|sync|tapeline|deploy)\b/g),
  ].map(([, name]) => name as string)
  expect(new Set(named)).toEqual(new Set(['start', 'test', 'check', 'simulate', 'torture', 'bench', 'token', 'sync', 'tapeline', 'deploy']))
  for (const name of named) expect(scripts[name], name).toBeDefined()
})

test('the folders that README.md lists are those of src', () => {
  const listed = [...readme.matchAll(/^src\/(\w+)\//gm)].map(([, name]) => name)
  expect(listed).toEqual(['protocol', 'server', 'client', 'models', 'browser', 'codemirror', 'node', 'apps'])
})
