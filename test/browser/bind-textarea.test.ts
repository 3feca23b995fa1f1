/** The binding of a textarea, over one that the test plays: what is typed, composed, and done by others in between. */
import { describe, expect, test } from 'vitest'
import { bindTextarea } from '../../src/browser/index.ts'
import { Text } from '../../src/models/index.ts'
import { type Change, type Draft, type TapeEvent, writeDeltas } from '../../src/protocol/index.ts'

/** What a browser's does of it: it knows one kind of line break, and sends the cursor to the end when it is written to. */
class PlayedTextarea extends EventTarget {
  selectionStart = 0
  selectionEnd = 0
  selectionDirection = 'none'
  scrollTop = 0
  readOnly = false
  writes = 0
  #value = ''

  get value(): string {
    return this.#value
  }

  set value(value: string) {
    this.#value = value.replaceAll(/\r\n?/g, '\n')
    this.selectionStart = this.selectionEnd = this.#value.length
    this.scrollTop = 0
    this.writes++
  }

  setSelectionRange(start: number, end: number): void {
    this.selectionStart = Math.min(start, this.#value.length)
    this.selectionEnd = Math.min(end, this.#value.length)
  }

  /** In the place of what is selected. */
  type(typed: string): void {
    const at = this.selectionStart
    this.#value = this.#value.slice(0, at) + typed + this.#value.slice(this.selectionEnd)
    this.selectionStart = this.selectionEnd = at + typed.length
    this.dispatchEvent(new Event('input'))
  }

  compose(typed: string, meanwhile: () => void): void {
    this.dispatchEvent(new Event('compositionstart'))
    this.type(typed)
    meanwhile()
    this.dispatchEvent(new Event('compositionend'))
  }
}

function sheetOf(initial: string) {
  const text = new Text('notes')
  const played = new PlayedTextarea()
  const unbind = bindTextarea(text, played as unknown as HTMLTextAreaElement)
  let latest = -1
  const context = { client: 'me', holes: [] }
  const put = (client: string, change: Partial<Change>) => {
    const seq = ++latest
    const event: TapeEvent = { seq, client, seen: seq - 1, type: 'update', collection: 'notes', identifier: 'text', ...change }
    text.apply([event], [], context)
  }
  const vend = (change: Change) => {
    const draft: Draft = { seen: latest, ...change }
    text.apply([], [draft], context)
    put('me', change)
  }
  text.receiver = { didCreateDraft: vend }
  const wasReadOnly = played.readOnly
  put('other', { values: { text: initial } })
  const others = (offset: number, removed: number, inserted: string) =>
    put('other', { deltas: { text: writeDeltas([{ offset, removed, inserted: inserted || undefined }]) } })
  return { text, played, unbind, others, wasReadOnly }
}

describe('a bound textarea', () => {
  test('is read-only until the text is ready, then shows it', () => {
    const { played, wasReadOnly } = sheetOf('abc')
    expect([wasReadOnly, played.readOnly, played.value]).toEqual([true, false, 'abc'])
  })

  test('tells the text what was typed, as one small splice that cuts no pair', () => {
    const { text, played } = sheetOf('aaa 🙂')
    const changes: unknown[] = []
    text.subscribe(({ splices }) => changes.push(splices))
    played.setSelectionRange(1, 1)
    played.type('a')
    played.setSelectionRange(5, 7)
    played.type('🙃')
    expect(text.value).toBe('aaaa 🙃')
    expect(changes).toEqual([[{ offset: 1, removed: 0, inserted: 'a' }], [{ offset: 5, removed: 2, inserted: '🙃' }]])
    expect(played.writes).toBe(1)
  })

  test('shows what others write, and keeps selection and scroll', () => {
    const { played, others } = sheetOf('one three')
    played.setSelectionRange(4, 9)
    played.scrollTop = 70
    others(0, 0, 'zero ')
    expect([played.value, played.selectionStart, played.selectionEnd, played.scrollTop]).toEqual(['zero one three', 9, 14, 70])
  })

  test('shows what the page itself does to the text', () => {
    const { text, played } = sheetOf('all')
    played.setSelectionRange(3, 3)
    text.splice(0, 0, 'Dear ')
    expect([played.value, played.selectionStart]).toEqual(['Dear all', 8])
    played.type(',')
    expect(text.value).toBe('Dear all,')
  })

  test('is left alone while characters are composed, and keeps the cursor behind them', () => {
    const { text, played, others } = sheetOf('abc def')
    played.setSelectionRange(0, 0)
    played.compose('éé', () => {
      others(1, 0, 'X')
      expect([played.value, text.value]).toEqual(['ééabc def', 'aXbc def'])
    })
    expect([played.value, text.value, played.selectionStart]).toEqual(['ééaXbc def', 'ééaXbc def', 2])
    played.setSelectionRange(10, 10)
    played.compose('!', () => others(0, 0, '>>'))
    expect([played.value, text.value, played.selectionStart]).toEqual(['>>ééaXbc def!', '>>ééaXbc def!', 13])
  })

  test('makes all line breaks one kind when something is typed, and not before', () => {
    const { text, played, others } = sheetOf('a\r\nb\r\nc\r\nd')
    played.setSelectionRange(4, 4)
    played.dispatchEvent(new Event('input'))
    others(3, 1, 'BB')
    expect([text.value, played.value, played.selectionStart]).toEqual(['a\r\nBB\r\nc\r\nd', 'a\nBB\nc\nd', 5])
    played.setSelectionRange(8, 8)
    played.compose('é', () => others(0, 0, 'X'))
    expect([text.value, played.value, played.selectionStart]).toEqual(['Xa\nBB\nc\ndé', 'Xa\nBB\nc\ndé', 10])
  })

  test('shows the text again when what was typed cannot be', () => {
    const { text, played } = sheetOf('abc')
    const edit = text.edit.bind(text)
    text.edit = () => {
      throw new RangeError('Too long.')
    }
    played.setSelectionRange(3, 3)
    // As a browser does: what a listener throws is reported, and goes no further.
    const reported: unknown[] = []
    const report = (error: unknown) => reported.push(error)
    process.once('uncaughtException', report)
    played.type('x')
    expect(played.value).toBe('abc')
    text.edit = edit
    played.type('y')
    expect(text.value).toBe('abcy')
    return new Promise<void>((resolve) =>
      setImmediate(() => {
        process.off('uncaughtException', report)
        expect(reported).toEqual([expect.any(RangeError)])
        resolve()
      }),
    )
  })

  test('is free once it is let go', () => {
    const { text, played, unbind, others } = sheetOf('abc')
    unbind()
    others(0, 0, 'x')
    played.type('y')
    expect([text.value, played.value]).toEqual(['xabc', 'yabc'])
  })
})
