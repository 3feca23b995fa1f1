/**
 * The deployment that the runtime's tests talk to: the plain one, one with a bucket for streams named bucketed-…, and for
 * those named ruled-… one with rules, made as a user would make it. No field of a booking is taken twice, and some changes ask for what no rule should do.
 */
import {
  app,
  createStreamObject,
  type Env,
  type Rejection,
  StreamObject as StreamObjectClass,
  type TapeEvent,
  type Validate,
} from '../../../src/server/index.ts'
import { befall } from './mishaps.ts'
import { moody } from './moody-bucket.ts'

interface TestEnv extends Env {
  readonly RULED: DurableObjectNamespace
  readonly BUCKETED: DurableObjectNamespace
  readonly SEGMENTS: R2Bucket
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

/** Without the bucket, which is bound for all. */
export class StreamObject extends StreamObjectClass {
  constructor(state: DurableObjectState, { SEGMENTS: _, ...env }: TestEnv) {
    super(state, env)
  }

  override lend(...asked: Parameters<StreamObjectClass['lend']>): ReturnType<StreamObjectClass['lend']> {
    return befall(this.ctx, asked[0], () => super.lend(...asked))
  }
}
export class RuledStreamObject extends createStreamObject({ validate, recent: 20 }) {}
export class BucketedStreamObject extends StreamObjectClass {
  constructor(state: DurableObjectState, { SEGMENTS, ...env }: TestEnv) {
    super(state, { ...env, STREAMS: env.BUCKETED, SEGMENTS: moody(SEGMENTS) })
  }

  override lend(...asked: Parameters<StreamObjectClass['lend']>): ReturnType<StreamObjectClass['lend']> {
    return befall(this.ctx, asked[0], () => super.lend(...asked))
  }
}

export default {
  fetch(request, env, context) {
    const [, kind] = /^\/v1\/streams\/(ruled|bucketed)-/.exec(new URL(request.url).pathname) ?? []
    if (kind === 'bucketed') return app.fetch(request, { ...env, STREAMS: env.BUCKETED, SEGMENTS: moody(env.SEGMENTS) }, context)
    const { SEGMENTS: _, ...others } = env
    return app.fetch(request, kind === 'ruled' ? { ...others, STREAMS: env.RULED } : others, context)
  },
} satisfies ExportedHandler<TestEnv>
