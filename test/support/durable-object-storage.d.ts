/** What the tape asks of a Durable Object's storage, for Node's tests: the platform's own types do not go with Node's. */

type SqlStorageValue = ArrayBuffer | string | number | null

interface SqlStorageCursor<Row extends Record<string, SqlStorageValue>> extends Iterable<Row> {
  toArray(): Row[]
  one(): Row
  raw<Values extends SqlStorageValue[]>(): IterableIterator<Values>
}

interface SqlStorage {
  exec<Row extends Record<string, SqlStorageValue>>(query: string, ...bindings: unknown[]): SqlStorageCursor<Row>
  readonly databaseSize: number
}

interface DurableObjectStorage {
  readonly sql: SqlStorage
  transactionSync<Result>(run: () => Result): Result
  sync(): Promise<void>
}
