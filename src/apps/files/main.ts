/** The files page: drop files, change them, download them elsewhere, and see what each change took. */
import { Folder, FolderError, type FolderFile, fileBytesMax, keepBeside } from '../../models/index.ts'
import { elementOf, openDemoPage } from '../shell/demo-page.ts'
import { readStreamName } from '../shell/stream-name.ts'
import { type Taken, takenFrom, takenOfDrop } from './dropped.ts'
import { Editor } from './editor.ts'
import { FileList } from './file-list.ts'
import { Receipts } from './receipts.ts'
import { sampleOf } from './sample.ts'
import { ratioText, sizeText } from './sizes.ts'

const defaultStream = 'demo.files'
const folder = new Folder('files', { onProblem: (problem) => console.warn('Somebody published what is no file.', problem) })
const stream = openDemoPage(folder, defaultStream)
if (stream !== undefined) {
  const receipts = new Receipts(elementOf('receipts'))
  const editor = new Editor(elementOf('editor') as HTMLDialogElement)
  const drop = elementOf('drop')
  const taking = elementOf('taking') as HTMLProgressElement

  const tell = (path: string, text: string, isProblem = false) => receipts.add({ path, text, isProblem })
  /** Says of what cannot be done why. */
  const tried = (path: string, work: () => void) => {
    try {
      work()
    } catch (error) {
      if (!(error instanceof FolderError)) throw error
      tell(path, error.message.slice(error.message.indexOf(': ') + 2), true)
    }
  }
  const write = (path: string, content: Uint8Array, basedOn?: string) =>
    tried(path, () => {
      const { bytes } = folder.write(path, content, { basedOn })
      tell(path, ratioText(bytes, content.length))
    })

  const take = async (files: readonly Taken[]) => {
    taking.hidden = false
    for (const [index, { path, file }] of files.entries()) {
      taking.value = index / files.length
      const tidy = path.normalize('NFC')
      if (file.size > fileBytesMax) tell(tidy, `is larger than ${sizeText(fileBytesMax)}, and stays where it is.`, true)
      else {
        const content = await file.arrayBuffer().catch(() => undefined)
        if (content === undefined) tell(tidy, 'cannot be read, or changed meanwhile: add it again.', true)
        else write(tidy, new Uint8Array(content))
      }
    }
    taking.hidden = true
  }

  const list = new FileList(elementOf('list'), {
    download: ({ path }) => tried(path, () => download(path, folder.read(path))),
    edit: (file) => void edit(file),
    rename: async ({ path }) => {
      const to = await editor.ask({ title: 'Rename', label: 'New path, with / between folders', value: path, isLong: false })
      if (to !== undefined) tried(path, () => folder.rename(path, to.normalize('NFC')))
    },
    remove: ({ path }) => tried(path, () => folder.remove(path)),
  })
  const edit = async ({ path, hash }: FolderFile) => {
    const before = textOf(path)
    if (before === undefined) return tell(path, 'is not a text: change it elsewhere, and add it again.', true)
    const after = await editor.ask({ title: path, label: 'Its text', value: before, isLong: true })
    if (after !== undefined && after !== before) write(path, new TextEncoder().encode(after), hash)
  }

  folder.subscribe(() => list.show(folder.list))
  list.show(folder.list)
  keepBeside(folder, stream, {
    onKept: ({ path, beside }) => tell(path, `was changed by somebody else at the same time. Yours is kept as ${beside}.`),
    onError: (error) => console.warn(error),
  })

  for (const id of ['choose-files', 'choose-folder']) {
    const input = elementOf(id) as HTMLInputElement
    input.addEventListener('change', () => {
      void take(takenFrom(input.files ?? []))
      // So that the same file can be chosen again.
      input.value = ''
    })
  }
  elementOf('sample').addEventListener('click', () => write('sample.txt', sampleOf()))
  drop.addEventListener('dragover', (event) => {
    event.preventDefault()
    drop.dataset.over = ''
  })
  for (const type of ['dragleave', 'drop']) drop.addEventListener(type, () => delete drop.dataset.over)
  drop.addEventListener('drop', (event) => {
    event.preventDefault()
    if (event.dataTransfer !== null) void takenOfDrop(event.dataTransfer).then(take)
  })

  const name = readStreamName(location.search, defaultStream)
  const server = location.host === 'localhost:8787' ? '' : ` --server ${location.origin}`
  elementOf('sync-command').textContent = `npm run sync -- ./some-directory --stream ${name}${server}`
}

/** undefined for what is no text. */
function textOf(path: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(folder.read(path))
  } catch {
    return undefined
  }
}

function download(path: string, content: Uint8Array): void {
  const address = URL.createObjectURL(new Blob([content as Uint8Array<ArrayBuffer>]))
  const link = document.createElement('a')
  link.href = address
  link.download = path.slice(path.lastIndexOf('/') + 1)
  link.click()
  // The browser has begun by then.
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
