/** The files that were dropped on the page or chosen, with their paths: folders are walked through. */

export interface Taken {
  readonly path: string
  readonly file: File
}

/** Of an input; files of a folder know their path in it. */
export function takenFrom(files: Iterable<File>): readonly Taken[] {
  return Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file }))
}

/** Of a drop. To be called at once: what is dropped can be looked at in that moment alone. */
export function takenOfDrop(data: DataTransfer): Promise<readonly Taken[]> {
  const files = [...data.items].filter(({ kind }) => kind === 'file')
  const taken = files.map((item): Promise<readonly Taken[]> => {
    const entry = item.webkitGetAsEntry()
    const file = item.getAsFile()
    // What does not come from a disk, as an image out of another page, is no entry.
    return entry !== null ? walk(entry) : Promise.resolve(file === null ? [] : takenFrom([file]))
  })
  return Promise.all(taken).then((each) => each.flat())
}

async function walk(entry: FileSystemEntry): Promise<readonly Taken[]> {
  const path = entry.fullPath.replace(/^\//, '')
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
    return [{ path, file }]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const taken: Taken[] = []
  // It gives a hundred at a time, and nothing at the end.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (entries.length === 0) return taken
    for (const each of entries) taken.push(...(await walk(each)))
  }
}
