/**
 * Counts the rows that an object writes, by standing in front of its `sql.exec`. It makes every statement a little
 * slower, so it is bundled only into the runs that count. Runs in workerd.
 */
const path = '/bench/rows/'

/** Answers `GET /bench/rows/{stream}` with `{ rows, bytes }`; everything else is the Worker's. */
export function wrapWorker(worker) {
  return {
    fetch(request, env, context) {
      const { pathname } = new URL(request.url)
      if (!pathname.startsWith(path)) return worker.fetch(request, env, context)
      return env.STREAMS.get(env.STREAMS.idFromName(pathname.slice(path.length))).fetch(request)
    },
  }
}

export function wrapObject(Plain) {
  return class extends Plain {
    #sql
    #written

    constructor(state, env) {
      const { sql } = state.storage
      const written = { rows: 0 }
      const exec = sql.exec.bind(sql)
      sql.exec = (...statement) => {
        const cursor = exec(...statement)
        written.rows += cursor.rowsWritten
        return cursor
      }
      super(state, env)
      this.#sql = sql
      this.#written = written
    }

    fetch(request) {
      if (!new URL(request.url).pathname.startsWith(path)) return super.fetch(request)
      return Response.json({ rows: this.#written.rows, bytes: this.#sql.databaseSize })
    }
  }
}
