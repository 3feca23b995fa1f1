/** The bindings and the entry point of the deployment that the runtime's tests talk to. */
declare namespace Cloudflare {
  interface Env extends Omit<import('../../../src/server/env.ts').Env, 'SEGMENTS'> {
    readonly RULED: DurableObjectNamespace
    readonly BUCKETED: DurableObjectNamespace
    readonly SEGMENTS: R2Bucket
  }
  interface GlobalProps {
    mainModule: typeof import('./worker.ts')
    durableNamespaces: 'StreamObject' | 'RuledStreamObject' | 'BucketedStreamObject'
  }
}
