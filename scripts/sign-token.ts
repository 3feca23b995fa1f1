/** Tokens signed with the local secret, or the one in the environment. */
import { hostname, userInfo } from 'node:os'
import { SignJWT } from 'jose'
import { readSecret, secretLengthMin } from './dev-vars.ts'

/** The caller's mistake, to be told in one line and without a stack. */
export class UsageError extends Error {}

/** What a token allows. */
export interface Grant {
  readonly sub: string
  readonly streams: readonly string[]
  readonly may: readonly string[]
  readonly ttlSeconds: number
}

/** TAPELINE_SECRET, from the environment or from .dev.vars. Throws a `UsageError`. */
export async function findSecret(): Promise<string> {
  const secret = process.env.TAPELINE_SECRET ?? (await readSecret())
  const howTo = 'Run npm start once, which makes one in .dev.vars, or set it in the environment: TAPELINE_SECRET=$(openssl rand -base64 48)'
  if (secret === undefined || secret === '') throw new UsageError(`There is no TAPELINE_SECRET. ${howTo}`)
  if (secret.length < secretLengthMin) throw new UsageError(`TAPELINE_SECRET is shorter than ${secretLengthMin} characters. ${howTo}`)
  return secret
}

/** Tokens for one stream: TAPELINE_TOKEN as it is, or new ones in the name of whoever runs this. Throws a `UsageError`. */
export async function tokenSource(stream: string, may: readonly string[]): Promise<() => string | Promise<string>> {
  const { TAPELINE_TOKEN } = process.env
  if (TAPELINE_TOKEN !== undefined && TAPELINE_TOKEN !== '') return () => TAPELINE_TOKEN
  const secret = await findSecret()
  const sub = `${userInfo().username}@${hostname()}`
  return () => signToken({ sub, streams: [stream], may, ttlSeconds: 3600 }, secret)
}

export async function signToken({ sub, streams, may, ttlSeconds }: Grant, secret: string): Promise<string> {
  return await new SignJWT({ streams: streams.map((name) => ({ name, may })) })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + ttlSeconds)
    .sign(new TextEncoder().encode(secret))
}
