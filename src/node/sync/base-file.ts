/** Where a directory and a folder were last in step, kept in the directory: written anew in one step, read back from `unknown`. */
import { open, readFile, rename } from 'node:fs/promises'
import type { Base } from './plan.ts'

export class BaseFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** Empty where there is none, or none that can be understood: then what both have alike is in step, and nothing is removed. */
  async read(): Promise<Map<string, Base>> {
    const bases = new Map<string, Base>()
    const text = await readFile(this.#path, 'utf8').catch(() => '{}')
    for (const [identifier, base] of Object.entries(recordOf(text))) if (isBase(base)) bases.set(identifier, base)
    return bases
  }

  async write(bases: ReadonlyMap<string, Base>): Promise<void> {
    const temporary = `${this.#path}.part`
    const handle = await open(temporary, 'w')
    try {
      await handle.writeFile(JSON.stringify(Object.fromEntries(bases)))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, this.#path)
  }
}

function recordOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function isBase(value: unknown): value is Base {
  if (typeof value !== 'object' || value === null) return false
  const { path, hash, mark } = value as Record<string, unknown>
  return [path, hash, mark].every((text) => typeof text === 'string')
}
