/**
 * Counts what the Worker asks of its objects, by standing in front of their stubs, and shows what is sealed of a tape,
 * which the object tells the Worker alone. Runs in workerd.
 */
const callsPath = '/bench/calls'
const sealedPath = '/bench/sealed/'

let calls = 0

/** Answers `GET /bench/calls` with `{ calls }` and `GET /bench/sealed/{stream}`; everything else is the Worker's. */
export function wrapWorker(worker) {
  return {
    fetch(request, env, context) {
      const { pathname, origin } = new URL(request.url)
      if (pathname === callsPath) return Response.json({ calls })
      if (!pathname.startsWith(sealedPath)) return worker.fetch(request, { ...env, STREAMS: countedNamespace(env.STREAMS) }, context)
      const stream = pathname.slice(sealedPath.length)
      const stub = env.STREAMS.get(env.STREAMS.idFromName(stream))
      return stub.fetch(new Request(`${origin}/v1/streams/${stream}/sealed`, request))
    },
  }
}

export function wrapObject(Plain) {
  return Plain
}

function countedNamespace(streams) {
  return {
    idFromName: (name) => streams.idFromName(name),
    get(id) {
      const stub = streams.get(id)
      const fetch = (...request) => {
        calls++
        return stub.fetch(...request)
      }
      return { id, fetch }
    },
  }
}
