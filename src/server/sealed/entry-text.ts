/** Entries of contents as SQLite keeps them: a list, as there are many. */
import type { ContentEntry } from './contents.ts'

export function entryToText({ hash, bytes, stored, owner }: ContentEntry): string {
  return JSON.stringify(owner === undefined ? [hash, bytes, stored] : [hash, bytes, stored, owner])
}

export function entryFromText(text: string): ContentEntry {
  const [hash, bytes, stored, owner] = JSON.parse(text) as [string, number, number, string?]
  return { hash, bytes, stored, ...(owner === undefined ? {} : { owner }) }
}
