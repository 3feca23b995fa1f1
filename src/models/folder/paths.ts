/**
 * Paths that every system has: relative, with `/` between the names, and none of the names that Windows, macOS or Linux
 * would refuse, read as another one, or let climb out of the folder.
 */
import { utf8Length } from '../../protocol/index.ts'

const pathUnitsMax = 1000
const nameBytesMax = 255

/** Devices of Windows, with any extension: what is written to them goes elsewhere. */
const deviceName = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)/i
/** Kept beside the files by whoever keeps a folder in step, or by version control, which runs what it finds there. */
const foreignName = /^(\.tapeline|\.git)$/i
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for.
const forbiddenCharacter = /[\u0000-\u001f\u007f<>:"|?*\\]/

/** Why no file can have this path, for people; undefined when it can. */
export function problemOfPath(path: string): string | undefined {
  if (path === '') return 'It is empty.'
  if (path.length > pathUnitsMax) return `It is longer than ${pathUnitsMax} characters.`
  if (!path.isWellFormed()) return 'It has half a surrogate pair.'
  if (path.normalize('NFC') !== path) return 'Its accents are not composed (Unicode NFC).'
  if (path.startsWith('/') || /^[a-z]:/i.test(path)) return 'It is absolute.'
  const character = forbiddenCharacter.exec(path)?.[0]
  if (character !== undefined) return `It has a character that not every system allows in a name: ${JSON.stringify(character)}.`
  for (const name of path.split('/')) {
    const problem = problemOfName(name)
    if (problem !== undefined) return problem
  }
  return undefined
}

function problemOfName(name: string): string | undefined {
  if (name === '') return 'A name in it is empty.'
  if (name === '.' || name === '..') return `It has the name ${name}, which leads elsewhere.`
  if (/[. ]$/.test(name)) return `A name in it ends with a dot or a blank: ${JSON.stringify(name)}.`
  if (deviceName.test(name)) return `A name in it is a device’s on some systems: ${name}.`
  if (foreignName.test(name)) return `A name in it is kept for other purposes: ${name}.`
  if (utf8Length(name) > nameBytesMax) return `A name in it is longer than ${nameBytesMax} bytes.`
  return undefined
}

/** The same for paths that some system cannot tell from each other. */
export function twinKey(path: string): string {
  return path.toUpperCase().toLowerCase().normalize('NFC')
}

/** The folders that a path lies in, the outermost first. */
export function foldersOf(path: string): readonly string[] {
  const names = path.split('/')
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join('/'))
}

/** The path of a file kept beside the one of this path: `notes (2).txt` beside `notes.txt`. */
export function besidePath(path: string, count: number): string {
  const start = path.lastIndexOf('/') + 1
  const dot = path.lastIndexOf('.')
  const [stem, extension] = dot > start ? [path.slice(start, dot), path.slice(dot)] : [path.slice(start), '']
  const ending = ` (${count})${extension}`
  let shorter = stem
  while (utf8Length(shorter) + utf8Length(ending) > nameBytesMax) shorter = Array.from(shorter).slice(0, -1).join('')
  return path.slice(0, start) + shorter + ending
}

/** A path on the tape, and since when its file has it. */
export interface ClaimedPath {
  readonly identifier: string
  readonly path: string
  /** The seq that wrote it. */
  readonly since: number
}

/**
 * The path under which each file shows, by identifier. Of those that some system cannot tell from each other the eldest
 * keeps its path, the others stand beside it; so does a file whose path is another’s folder. All clients decide alike.
 */
export function arrangePaths(claims: Iterable<ClaimedPath>): ReadonlyMap<string, string> {
  const byAge = [...claims].sort((a, b) => a.since - b.since || (a.identifier < b.identifier ? -1 : 1))
  const wished = new Set<string>()
  const taken = new Set<string>()
  for (const { path } of byAge) {
    wished.add(twinKey(path))
    for (const folder of foldersOf(path)) taken.add(twinKey(folder))
  }
  const shown = new Map<string, string>()
  const moved: ClaimedPath[] = []
  for (const claim of byAge) {
    const key = twinKey(claim.path)
    if (taken.has(key)) {
      moved.push(claim)
      continue
    }
    taken.add(key)
    shown.set(claim.identifier, claim.path)
  }
  for (const { identifier, path } of moved) {
    const free = freePath(path, (key) => taken.has(key) || wished.has(key))
    taken.add(twinKey(free))
    shown.set(identifier, free)
  }
  return shown
}

/** The first path beside this one that is not taken. `isTaken` is asked by `twinKey`. */
export function freePath(path: string, isTaken: (key: string) => boolean): string {
  for (let count = 2; ; count++) {
    const free = besidePath(path, count)
    if (!isTaken(twinKey(free))) return free
  }
}
