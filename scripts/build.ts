/**
 * Builds the demo pages: src/apps/<page> with an index.html becomes dist/pages/<page>, with one script and one style
 * sheet each. The page named home becomes the root. Run by itself, or called by whoever serves the pages.
 */
import { cp, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const appsDirectory = join(root, 'src/apps')
const pagesDirectory = join(root, 'dist/pages')

/** Everything a page needs comes from its own origin; `'self'` covers the socket, too. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  // The templates of lit-html are the only markup that a script may make.
  "require-trusted-types-for 'script'",
  'trusted-types lit-html',
].join('; ')

const headers = `/*
  Content-Security-Policy: ${contentSecurityPolicy}
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
  Cross-Origin-Opener-Policy: same-origin
  Permissions-Policy: camera=(), geolocation=(), microphone=()
  Cache-Control: no-cache
`

/** Builds all pages anew; gives their addresses. Rejects when a source does not compile. */
export async function buildPages(): Promise<readonly string[]> {
  const pages = await findPages()
  const isThere = await Promise.all(pages.map((page) => exists(join(appsDirectory, page, 'main.ts'))))
  await emptyDirectory(pagesDirectory)
  await build({
    absWorkingDir: root,
    entryPoints: [
      ...pages
        .filter((_, index) => isThere[index])
        .map((page) => ({ in: join(appsDirectory, page, 'main.ts'), out: join(outOf(page), 'main') })),
      ...pages.map((page) => ({ in: join(appsDirectory, page, 'style.css'), out: join(outOf(page), 'style') })),
    ],
    outdir: pagesDirectory,
    bundle: true,
    minify: true,
    sourcemap: true,
    format: 'esm',
    target: ['es2024', 'chrome120', 'firefox128', 'safari17.4'],
    logLevel: 'warning',
  })
  for (const page of pages) {
    await mkdir(join(pagesDirectory, outOf(page)), { recursive: true })
    await cp(join(appsDirectory, page, 'index.html'), join(pagesDirectory, outOf(page), 'index.html'))
  }
  await cp(join(appsDirectory, 'shell/favicon.svg'), join(pagesDirectory, 'favicon.svg'))
  await writeFile(join(pagesDirectory, '_headers'), headers)
  return pages.map((page) => `/${page === 'home' ? '' : `${page}/`}`)
}

async function findPages(): Promise<readonly string[]> {
  const entries = await readdir(appsDirectory, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const isPage = await Promise.all(folders.map((folder) => exists(join(appsDirectory, folder, 'index.html'))))
  return folders.filter((_, index) => isPage[index]).sort()
}

function outOf(page: string): string {
  return page === 'home' ? '.' : page
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
