/** The bindings and the entry point of the deployment that the runtime's tests talk to. */
declare namespace Cloudflare {
  interface Env extends Omit<import('../../../src/server/env.ts').Env, never> {
    readonly RULED: DurableObjectNamespace
  }
  interface GlobalProps {
    mainModule: typeof import('./worker.ts')
    durableNamespaces: 'StreamObject' | 'RuledStreamObject'
  }
}
