/** The events of the bench: new to-dos, each about 240 bytes on the tape, written as text because that is cheapest. */
import { randomUUID } from 'node:crypto'

/** Their identifiers come round again; neither server looks at them. */
const changes: readonly string[] = Array.from(
  { length: 1024 },
  () =>
    `"type":"insert","collection":"todos","identifier":"${randomUUID()}","values":{"title":"Buy milk and bread","completed":false,"label":"None"}}`,
)

export interface Batch {
  readonly client: string
  /** The counter of the first draft. */
  readonly counter: number
  readonly seen: number
  readonly count: number
}

export function createClient(): string {
  return randomUUID()
}

/** The members `client` and `drafts` of a publish, without the braces. */
function members({ client, counter, seen, count }: Batch): string {
  let drafts = ''
  for (let i = 0; i < count; i++) {
    drafts += `${i === 0 ? '' : ','}{"counter":${counter + i},"seen":${seen},${changes[(counter + i) % changes.length]}`
  }
  return `"client":"${client}","drafts":[${drafts}]`
}

export function publishFrame(batch: Batch): string {
  return `{"type":"publish","ref":${batch.counter},${members(batch)}}`
}

export function publishBody(batch: Batch): string {
  return `{${members(batch)}}`
}
