/**
 * Builds the demo pages: src/apps/<page> with an index.html becomes dist/pages/<page>, with one script and one style
 * sheet each, named after their contents. The page named home becomes the root. Beside them stands the service worker
 * that keeps all of it for when there is no network. Run by itself, or called by whoever serves the pages.
 */
import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { type BuildOptions, build } from 'esbuild'

const root = join(import.meta.dirname, '..')

/** Everything a page needs comes from its own origin; `'self'` covers the socket, too. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  // The templates of lit-html are the only markup that a script may make, the service worker the only script.
  "require-trusted-types-for 'script'",
  'trusted-types lit-html service-worker',
].join('; ')

const headers = `/*
  Content-Security-Policy: ${contentSecurityPolicy}
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
  Cross-Origin-Opener-Policy: same-origin
  Permissions-Policy: camera=(), geolocation=(), microphone=()
  Cache-Control: no-cache
`

const compilation = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  target: ['es2024', 'chrome120', 'firefox128', 'safari17.4'],
  logLevel: 'warning',
} as const satisfies BuildOptions

export interface BuildFolders {
  readonly apps?: string
  readonly pages?: string
}

/** Builds all pages anew; gives their addresses. Rejects when a source does not compile. */
export async function buildPages({
  apps = join(root, 'src/apps'),
  pages: target = join(root, 'dist/pages'),
}: BuildFolders = {}): Promise<readonly string[]> {
  const pages = await findPages(apps)
  await emptyDirectory(target)
  const parts = await buildParts(pages, { apps, pages: target })
  const worker = await bundleWorker(apps)
  const templates = await Promise.all(pages.map((page) => readFile(join(apps, page, 'index.html'), 'utf8')))
  const version = hash('sha256', [...parts.values(), ...templates, worker].join('\n'), 'hex').slice(0, 16)

  const files = [...new Set([...parts.values()].map((path) => path.slice(1)))]
  for (const [index, page] of pages.entries()) {
    const file = join(outOf(page), 'index.html')
    await mkdir(join(target, outOf(page)), { recursive: true })
    await writeFile(join(target, file), pageOf(templates[index] ?? '', { page, parts, version }))
    files.push(file)
  }
  const addresses = pages.map((page) => `/${page === 'home' ? '' : `${page}/`}`)
  const contents = await Promise.all(files.map((file) => readFile(join(target, file))))
  const integrities = files.map((file, index) => [addressOf(file), `sha256-${hash('sha256', contents[index] ?? '', 'base64')}`])
  const shellBuild = { version, pages: addresses, files: Object.fromEntries(integrities) }
  await writeFile(join(target, 'service-worker.js'), `const shellBuild = ${JSON.stringify(shellBuild)};\n${worker}`)
  // Under its usual name for whoever does not read the pages.
  await copyFile(join(apps, 'shell/favicon.svg'), join(target, 'favicon.svg'))
  await writeFile(join(target, '_headers'), headers)
  return addresses
}

/** Scripts, styles and the icon. Gives, for what stands in a page's markup (`todo/main.js`), the address it got. */
async function buildParts(pages: readonly string[], { apps, pages: target }: Required<BuildFolders>): Promise<ReadonlyMap<string, string>> {
  const parts = pages.flatMap((page) => [
    { in: join(apps, page, 'main.ts'), out: join(outOf(page), 'main') },
    { in: join(apps, page, 'style.css'), out: join(outOf(page), 'style') },
  ])
  const entryPoints = [...parts, { in: join(apps, 'shell/favicon.svg'), out: 'favicon' }]
  const { metafile } = await build({
    ...compilation,
    entryPoints,
    entryNames: '[dir]/[name]-[hash]',
    loader: { '.svg': 'copy' },
    outdir: target,
    sourcemap: true,
    format: 'esm',
    metafile: true,
  })
  const addresses = new Map<string, string>()
  for (const file of Object.keys(metafile.outputs)) {
    if (file.endsWith('.map')) continue
    const path = relative(target, join(root, file))
    addresses.set(path.replace(/-[A-Z0-9]{8}(?=\.\w+$)/, ''), addressOf(path))
  }
  return addresses
}

async function bundleWorker(apps: string): Promise<string> {
  const entryPoint = join(apps, 'service-worker/service-worker.ts')
  const { outputFiles } = await build({ ...compilation, entryPoints: [entryPoint], format: 'iife', write: false })
  return outputFiles[0]?.text ?? ''
}

interface PageParts {
  readonly page: string
  readonly parts: ReadonlyMap<string, string>
  readonly version: string
}

/** The page's markup, with its parts under their full names, and the build that it belongs to. */
function pageOf(template: string, { page, parts, version }: PageParts): string {
  const linked = template.replaceAll(/(?<=(?:href|src)=")(?:main\.js|style\.css|\/favicon\.svg)(?=")/g, (name) => {
    const address = parts.get(name.startsWith('/') ? name.slice(1) : join(outOf(page), name).replaceAll(sep, '/'))
    if (address === undefined) throw new Error(`${page}/index.html asks for ${name}, which is not built.`)
    return address
  })
  return linked.replace('<meta charset="utf-8" />', `$&\n    <meta name="version" content="${version}" />`)
}

async function findPages(apps: string): Promise<readonly string[]> {
  const entries = await readdir(apps, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const isPage = await Promise.all(folders.map((folder) => exists(join(apps, folder, 'index.html'))))
  return folders.filter((_, index) => isPage[index]).sort()
}

function outOf(page: string): string {
  return page === 'home' ? '.' : page
}

/** The address under which a file is served: a page's is its folder's. */
function addressOf(file: string): string {
  return `/${file.replaceAll(sep, '/').replace(/(^|\/)index\.html$/, '$1')}`
}

function hash(algorithm: string, contents: string | Uint8Array, encoding: 'hex' | 'base64'): string {
  return createHash(algorithm).update(contents).digest(encoding)
}

/** The directory itself stays: a server that watches it would lose sight of a new one. */
async function emptyDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true })
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}

if (import.meta.main) {
  const pages = await buildPages()
  console.log(`Built ${pages.join(' ')} into dist/pages.`)
}
