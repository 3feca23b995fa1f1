/** The notes page: a text in a textarea, the others' cursors over it, and what it weighs. */
import { bindTextarea } from '../../browser/index.ts'
import { Models, Text } from '../../models/index.ts'
import { elementOf, openDemoPage } from '../shell/demo-page.ts'
import { readDevice } from '../shell/device.ts'
import { CursorLayer } from './cursor-layer.ts'
import { Scales } from './scales.ts'
import { ScalesView } from './scales-view.ts'
import { WriterName } from './writer-name.ts'
import { Writers } from './writers.ts'

const text = new Text('notes', { onProblem: (problem) => console.warn('Somebody published what does not fit.', problem) })
const scales = new Scales(text)
const stream = openDemoPage(new Models([text, scales]), 'demo.notes')
if (stream !== undefined) {
  const textarea = elementOf('text') as HTMLTextAreaElement
  const nameInput = elementOf('own-name') as HTMLInputElement
  const ownName = new WriterName(readDevice(location.search))
  const cursors = new CursorLayer(textarea, elementOf('cursors'))
  const scalesView = new ScalesView(elementOf('scales'))

  const showWriters = () => {
    cursors.show(writers.list)
    const who = writers.list.map(({ name }) => name).sort()
    const told = who.length === 0 ? '' : `${new Intl.ListFormat('en').format(who)} ${who.length === 1 ? 'is' : 'are'} here.`
    const element = elementOf('writers')
    // Told again only when it has changed.
    if (element.textContent !== told) element.textContent = told
  }
  const writers = new Writers({ stream, text, onChange: showWriters })
  const tellCursor = () => writers.tell(() => ({ name: ownName.name, from: textarea.selectionStart, to: textarea.selectionEnd }))

  bindTextarea(text, textarea)
  text.subscribe(() => showWriters())
  stream.subscribe(() => scalesView.show(scales))
  scalesView.show(scales)
  document.addEventListener('selectionchange', () => document.activeElement === textarea && tellCursor())
  textarea.addEventListener('input', tellCursor)
  new ResizeObserver(showWriters).observe(textarea)

  nameInput.value = ownName.name
  nameInput.addEventListener('input', () => {
    if (nameInput.value.trim() === '') return
    ownName.name = nameInput.value.trim()
    tellCursor()
  })
}
