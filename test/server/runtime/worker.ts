/**
 * The deployment that the runtime's tests talk to: the plain one and, for streams named ruled-…, one with rules, made
 * as a user would make it. No field of a booking is taken twice, and some changes ask for what no rule should do.
 */
import {
  app,
  createStreamObject,
  type Env,
  type Rejection,
  StreamObject,
  type TapeEvent,
  type Validate,
} from '../../../src/server/index.ts'

interface TestEnv extends Env {
  readonly RULED: DurableObjectNamespace
}

const validate: Validate = (event, sub, recent) => {
  if (event.collection === 'mischief') return mischief(event)
  if (event.collection === 'echo')
    return { reason: 'echo', detail: JSON.stringify({ event, sub, latestSeq: recent.latestSeq }).slice(0, 300) }
  if (event.collection !== 'seats' || event.type === 'delete') return undefined
  const seat = recent.object('seats', event.identifier)
  const holder = seat.isAlive === false ? undefined : seat.values.holder
  if (holder !== undefined && holder !== sub) return { reason: 'seat-taken', detail: `By ${holder}.` }
  return event.values?.holder === sub ? undefined : { reason: 'not-yours' }
}

function mischief(event: TapeEvent): Rejection | undefined {
  switch (event.identifier) {
    case 'throws':
      throw new Error('A mistake of the rule.')
    case 'promises':
      return Promise.resolve(undefined) as unknown as undefined
    case 'writes':
      Object.assign(event.values ?? {}, { planted: true })
      return undefined
    case 'shouts':
      return { reason: 'x'.repeat(1_000_000) }
    default:
      return undefined
  }
}

export { StreamObject }
export class RuledStreamObject extends createStreamObject({ validate, recent: 20 }) {}

export default {
  fetch(request, env, context) {
    const isRuled = new URL(request.url).pathname.startsWith('/v1/streams/ruled-')
    return app.fetch(request, isRuled ? { ...env, STREAMS: env.RULED } : env, context)
  },
} satisfies ExportedHandler<TestEnv>
