/**
 * What loading costs: bytes of each entry point of the package as a bundle, minified, and what gzip leaves of them. Of
 * what a page loads for its client, the parts.
 */
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, build, transform } from 'esbuild'
import type { Table } from './report.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

const bundles = [
  { name: 'openStream: core, IndexedDB, tabs', entry: `export { openStream } from './src/browser/index.ts'` },
  { name: 'the core alone, with MemoryStore', entry: `export { MemoryStore, Stream } from './src/client/index.ts'` },
  {
    name: 'openStream and Text',
    entry: `export { openStream } from './src/browser/index.ts'; export { Text } from './src/models/index.ts'`,
  },
  {
    name: 'openStream and Folder',
    entry: `export { openStream } from './src/browser/index.ts'; export { Folder } from './src/models/index.ts'`,
  },
  { name: 'Yjs, without a way to the server or a store', entry: `export * from 'yjs'` },
  {
    name: 'openStream and Collection',
    entry: `export { openStream } from './src/browser/index.ts'; export { Collection } from './src/models/index.ts'`,
  },
]

const folders = {
  tapeline: 'browser',
  ...Object.fromEntries(['client', 'models', 'codemirror', 'protocol', 'node', 'server'].map((folder) => [`tapeline/${folder}`, folder])),
}

const target = ['es2024', 'chrome120', 'firefox128', 'safari17.4']
const compilation = {
  bundle: true,
  format: 'esm',
  target,
  metafile: true,
  write: false,
  external: ['node:*', 'cloudflare:*', '@codemirror/*', 'chokidar'],
  absWorkingDir: root,
} as const satisfies BuildOptions

export async function benchClientSize(): Promise<Table> {
  const rows: Table['rows'][number][] = []
  for (const { name, entry } of bundles) {
    const { whole, parts } = await weigh(entry)
    rows.push({ figure: name, cells: sizeCells(whole) })
    for (const [part, text] of parts) rows.push({ figure: `  ${part}`, cells: sizeCells(text) })
  }
  for (const [name, folder] of Object.entries(folders)) {
    const { outputFiles } = await build({ ...compilation, entryPoints: [`./src/${folder}/index.ts`], minify: true })
    rows.push({ figure: `all of ${name}`, cells: sizeCells(outputFiles[0]?.text ?? '') })
  }
  return { title: 'bytes of a bundle; each part is compressed by itself', columns: ['minified', 'gzipped'], rows }
}

function sizeCells(text: string): number[] {
  return [Buffer.byteLength(text), gzipSync(text, { level: 9 }).length]
}

/** The bundle, and the text that each part has in it, the largest first. */
async function weigh(entry: string): Promise<{ readonly whole: string; readonly parts: readonly (readonly [string, string])[] }> {
  const stdin = { contents: entry, resolveDir: root, sourcefile: 'entry' }
  const whole = await build({ ...compilation, stdin, minify: true })
  // With its white space a bundle says where each file begins; without it, a part is what it was in the whole.
  const marked = await build({ ...compilation, stdin, minifyIdentifiers: true, minifySyntax: true })
  const files = Object.keys(Object.values(whole.metafile.outputs)[0]?.inputs ?? {})
  const texts = new Map<string, string>()
  let part = ''
  for (const line of (marked.outputFiles[0]?.text ?? '').split('\n')) {
    // What is exported at the end may be of any part.
    if (line.startsWith('export {')) break
    const file = line.startsWith('// ') ? line.slice(3) : undefined
    if (file !== undefined && files.includes(file)) part = partOf(file)
    else texts.set(part, `${texts.get(part) ?? ''}${line}\n`)
  }
  const parts: (readonly [string, string])[] = []
  for (const [name, text] of texts) {
    const { code } = await transform(text, { minifyWhitespace: true, format: 'esm', target })
    if (name !== '') parts.push([name, code])
  }
  return { whole: whole.outputFiles[0]?.text ?? '', parts: parts.sort(([, a], [, b]) => b.length - a.length) }
}

/** `client` for src/client/stream.ts, `idb` for node_modules/idb/build/index.js. */
function partOf(file: string): string {
  return file.split('/')[1] ?? file
}
