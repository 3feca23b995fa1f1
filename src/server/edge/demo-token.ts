/** Tokens for the demos: for streams named demo.* alone, and only where DEMO is on. */
import { SignJWT } from 'jose'
import * as v from 'valibot'
import { Refusal } from '../../protocol/codes.ts'
import { decode } from '../../protocol/decode.ts'
import type { Env } from '../env.ts'

const ttlSeconds = 3600

/** A guest names itself by something random that it keeps, so that its clients stay its own. */
const requestSchema = v.strictObject({ guest: v.pipe(v.string(), v.regex(/^[a-z0-9-]{16,64}$/)) })

export async function demoToken(request: Request, { DEMO, TAPELINE_SECRET }: Env): Promise<Response> {
  if (DEMO !== 'on' || TAPELINE_SECRET === undefined) throw new Refusal('not-found', { detail: 'Demo tokens exist only under npm start.' })
  const { guest } = decode(await request.text(), requestSchema)
  const token = await new SignJWT({ streams: [{ name: 'demo.*', may: ['read', 'publish'] }] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(`guest-${guest}`)
    .setExpirationTime(`${ttlSeconds}s`)
    .sign(new TextEncoder().encode(TAPELINE_SECRET))
  return Response.json({ token }, { headers: { 'Cache-Control': 'no-store' } })
}
