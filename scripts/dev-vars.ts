/**
 * The local secret in .dev.vars, which wrangler reads, too. It is made once, never replaced, and never leaves the
 * machine: the file is not part of the repository.
 */
import { randomBytes } from 'node:crypto'
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

const devVarsFile = join(import.meta.dirname, '../.dev.vars')

/** What the server asks of a key for HS256. */
export const secretLengthMin = 32

/** The secret that .dev.vars holds, or undefined when there is no such file or key. */
export async function readSecret(): Promise<string | undefined> {
  return parseEnv(await readDevVars()).TAPELINE_SECRET
}

/** Makes a secret unless there is one; gives whether it did. What the file holds already stays as it is. */
export async function ensureSecret(): Promise<boolean> {
  const text = await readDevVars()
  if ((parseEnv(text).TAPELINE_SECRET ?? '') !== '') return false
  const lineBreak = text === '' || text.endsWith('\n') ? '' : '\n'
  const line = `TAPELINE_SECRET=${randomBytes(48).toString('base64url')}\n`
  await appendFile(devVarsFile, lineBreak + line, { mode: 0o600 })
  return true
}

async function readDevVars(): Promise<string> {
  try {
    return await readFile(devVarsFile, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}
