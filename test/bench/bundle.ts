/** Bundles the Workers of a run: the real one and the limit, each plain for timing or in a wrapper that counts. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export type Contender = 'Tapeline' | 'limit'

const root = fileURLToPath(new URL('../..', import.meta.url))
const sources: Readonly<Record<Contender, string>> = {
  Tapeline: './src/server/worker.ts',
  limit: './test/bench/limit-worker.js',
}

export interface BundleOptions {
  /** Which file beside this one stands around Worker and object. Counting disturbs the timing, so it is a bundle of its own. */
  readonly wrapper?: 'row-counter' | 'call-counter' | 'never-sealing' | undefined
  /** The rules of Tapeline's deployment, as an expression. */
  readonly rules?: string
}

/** The module text of a contender's Worker. */
export async function bundleWorker(contender: Contender, { wrapper, rules }: BundleOptions = {}): Promise<string> {
  const source = JSON.stringify(sources[contender])
  const plain = `export { default, StreamObject } from ${source}`
  const wrapped = `
    import worker, { StreamObject as Plain } from ${source}
    import { wrapObject, wrapWorker } from './test/bench/${wrapper}.js'
    export default wrapWorker(worker)
    export const StreamObject = wrapObject(Plain)`
  const ruled = `
    import { app, createStreamObject } from './src/server/index.ts'
    export default app
    export class StreamObject extends createStreamObject(${rules}) {}`
  const { outputFiles } = await build({
    stdin: { contents: rules !== undefined ? ruled : wrapper !== undefined ? wrapped : plain, resolveDir: root },
    bundle: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    minify: false,
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}

/** The compatibility date and flags that a deployment has, so that the bench runs what is deployed. */
export function compatibility(): string {
  const toml = readFileSync(`${root}/wrangler.toml`, 'utf8')
  const date = /^compatibility_date\s*=\s*(".*")/m.exec(toml)?.[1]
  const flags = /^compatibility_flags\s*=\s*(\[.*\])/m.exec(toml)?.[1] ?? '[]'
  if (date === undefined) throw new Error('wrangler.toml has no compatibility_date.')
  return `compatibilityDate = ${date}, compatibilityFlags = ${flags}`
}
