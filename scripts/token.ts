/**
 * Prints one token, signed with TAPELINE_SECRET from the environment or from .dev.vars:
 *   npm run token -- --sub user-1 --stream 'todo.*' --may read,publish --ttl 1h
 */
import { parseArgs } from 'node:util'
import { findSecret, type Grant, signToken, UsageError } from './sign-token.ts'

const usage = `Usage: npm run token -- --sub <who> --stream <name> --may <actions> [--ttl <time>]
  --sub     whom the token speaks for, for example user-1
  --stream  a stream's name, or a beginning of names with one * at its end; may be given several times
  --may     one or more of read, publish, admin, separated by commas
  --ttl     how long it is good: a number with s, m, h or d, for example 15m (default: 1h)`

const actions = ['read', 'publish', 'admin']
const secondsPerUnit = { s: 1, m: 60, h: 3600, d: 86_400 }

function parseWish(args: readonly string[]): Grant {
  const { sub, stream: streams = [], may, ttl } = parseOptions(args)
  if (sub === undefined || sub === '') throw new UsageError('--sub is missing.')
  if (streams.length === 0) throw new UsageError('--stream is missing.')
  for (const name of streams) {
    if (!/^[A-Za-z0-9._:-]{0,200}\*?$/.test(name) || name === '') {
      throw new UsageError(`--stream "${name}" is not a name: use A–Z a–z 0–9 . _ : - and at most one * at the end.`)
    }
  }
  if (may === undefined) throw new UsageError('--may is missing.')
  return { sub, streams, may: parseActions(may), ttlSeconds: parseTtl(ttl) }
}

function parseOptions(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const
    const options = { sub: text, stream: { type: 'string', multiple: true }, may: text, ttl: { type: 'string', default: '1h' } } as const
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    // parseArgs throws TypeErrors that are written for people.
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function parseActions(text: string): readonly string[] {
  const may = text.split(',').map((action) => action.trim())
  const unknown = may.find((action) => !actions.includes(action))
  if (unknown !== undefined) throw new UsageError(`--may "${unknown}" is not one of ${actions.join(', ')}.`)
  return [...new Set(may)]
}

function parseTtl(text: string): number {
  const match = /^([1-9]\d{0,8})([smhd])$/.exec(text)
  if (match === null) throw new UsageError(`--ttl "${text}" is not a time: write a number with s, m, h or d, for example 15m.`)
  return Number(match[1]) * secondsPerUnit[match[2] as keyof typeof secondsPerUnit]
}

async function main(): Promise<void> {
  const grant = parseWish(process.argv.slice(2))
  console.log(await signToken(grant, await findSecret()))
}

try {
  await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message}\n\n${usage}`)
  process.exitCode = 1
}
