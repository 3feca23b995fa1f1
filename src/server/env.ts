/** The bindings and variables of a deployment, as wrangler.toml and its secrets give them. */
import type { AuthEnv } from './auth.ts'

export interface Env extends AuthEnv {
  readonly STREAMS: DurableObjectNamespace
  /** Where the sealed parts of tapes go; without it they stay in the objects. */
  readonly SEGMENTS?: R2Bucket
  /** Origins of pages that may call this deployment, separated by commas; its own always may. */
  readonly TAPELINE_ORIGINS?: string
  /** `on` gives tokens for streams named demo.* to anyone who asks. Set by `npm start` alone. */
  readonly DEMO?: string
}
