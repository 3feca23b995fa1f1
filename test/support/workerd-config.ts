/** What workerd is told to serve: one Worker with its Durable Object, on this machine alone. */

export interface WorkerdConfig {
  /** 0 for any that is free. */
  readonly port: number
  readonly cachePort: number
  /** Where a bucket is served; absent for a deployment without one. */
  readonly bucketPort?: number | undefined
  /** The folder that the object keeps its databases in. */
  readonly storage: string
  readonly secret: string
  /** A page of this origin may talk to it, beside its own. */
  readonly allowedOrigin?: string
  /** The settings of `compatibility()`. */
  readonly compatibility: string
}

/** The text of a configuration that lies beside `worker.js`. */
export function workerdConfig({ port, cachePort, bucketPort, storage, secret, allowedOrigin = '', compatibility }: WorkerdConfig): string {
  const hasBucket = bucketPort !== undefined
  return `
    using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [
        (name = "main", worker = .worker),
        (name = "storage", disk = (path = "${storage}", writable = true)),
        (name = "cache", external = (address = "127.0.0.1:${cachePort}", http = ())),${hasBucket ? `(name = "bucket", external = (address = "127.0.0.1:${bucketPort}", http = ())),` : ''}
      ],
      sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
    );
    const worker :Workerd.Worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      ${compatibility},
      bindings = [
        (name = "STREAMS", durableObjectNamespace = "StreamObject"),
        (name = "TAPELINE_SECRET", text = "${secret}"),
        (name = "TAPELINE_ORIGINS", text = "${allowedOrigin}"),${hasBucket ? '(name = "SEGMENTS", r2Bucket = "bucket"),' : ''}
      ],
      durableObjectNamespaces = [(className = "StreamObject", uniqueKey = "local", enableSql = true)],
      durableObjectStorage = (localDisk = "storage"),
      cacheApiOutbound = "cache",
    );`
}
