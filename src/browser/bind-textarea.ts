/**
 * Ties a plain textarea to a text: what is typed becomes splices, what others write appears without moving the cursor,
 * the selection or the scroll position. While characters are being composed (an accent, a syllable) nothing is written
 * into the textarea: what others wrote meanwhile comes when that is done.
 */
import { composeAll, cutsPair, diff, movePlace, type Splices, transform } from '../protocol/index.ts'

/** What is needed of a text; the model `Text` is one. */
export interface EditableText {
  readonly value: string
  readonly isReady: boolean
  edit(splices: Splices<string>): void
  subscribe(listener: (change: { readonly splices: Splices<string>; readonly isOwn: boolean }) => void): () => void
}

/** Gives what ends it. The textarea is read-only until the text is ready. */
export function bindTextarea(text: EditableText, element: HTMLTextAreaElement): () => void {
  const binding = new Binding(text, element)
  return () => binding.end()
}

class Binding {
  readonly #text: EditableText
  readonly #element: HTMLTextAreaElement
  readonly #listening = new AbortController()
  readonly #unsubscribe: () => void
  /** What the textarea has, as far as the text knows. */
  #shown = ''
  #isComposing = false
  /** What others wrote meanwhile. */
  #missed: Splices<string>[] = []

  constructor(text: EditableText, element: HTMLTextAreaElement) {
    this.#text = text
    this.#element = element
    const { signal } = this.#listening
    element.addEventListener('input', () => this.#isComposing || this.#takeInput(), { signal })
    element.addEventListener('compositionstart', () => (this.#isComposing = true), { signal })
    element.addEventListener('compositionend', () => this.#endComposition(), { signal })
    this.#unsubscribe = text.subscribe(({ splices, isOwn }) => this.#changed(splices, isOwn))
    this.#write([])
  }

  end(): void {
    this.#listening.abort()
    this.#unsubscribe()
  }

  #changed(splices: Splices<string>, isOwn: boolean): void {
    if (this.#isComposing) this.#missed.push(splices)
    else if (!isOwn) this.#write(splices)
  }

  #endComposition(): void {
    this.#isComposing = false
    this.#takeInput()
  }

  #takeInput(): void {
    const { value, selectionEnd } = this.#element
    const missed = composeAll(this.#missed)
    this.#missed = []
    // A textarea knows one kind of line break: whoever writes in it makes all of them that.
    const hasOtherBreaks = this.#text.value.length !== this.#shown.length && missed.length === 0
    const typed = hasOtherBreaks ? diff(this.#text.value, value) : spliceOf(this.#shown, value, selectionEnd)
    try {
      this.#text.edit(transform(typed, missed, 'later'))
    } catch (error) {
      // It cannot be so: the textarea shows what is.
      this.#write([])
      throw error
    }
    if (this.#text.value !== value) this.#write(missed)
    else this.#shown = value
  }

  #write(splices: Splices<string>): void {
    const element = this.#element
    element.readOnly = !this.#text.isReady
    const { selectionStart, selectionEnd, selectionDirection, scrollTop } = element
    if (element.value !== this.#text.value) element.value = this.#text.value
    this.#shown = element.value
    element.setSelectionRange(movePlace(selectionStart, splices), movePlace(selectionEnd, splices), selectionDirection)
    element.scrollTop = scrollTop
  }
}

/** The one splice that leads from one text to the other; what was typed ends at the cursor. */
function spliceOf(before: string, after: string, cursor: number): Splices<string> {
  if (before === after) return []
  const shorter = Math.min(before.length, after.length)
  let end = 0
  while (end < Math.min(shorter, after.length - cursor) && before[before.length - 1 - end] === after[after.length - 1 - end]) end++
  let start = 0
  while (start < shorter - end && before[start] === after[start]) start++
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++
  if (cutsPair(before, start) || cutsPair(after, start)) start--
  if (cutsPair(before, before.length - end) || cutsPair(after, after.length - end)) end--
  const inserted = after.slice(start, after.length - end)
  return [{ offset: start, removed: before.length - end - start, inserted: inserted === '' ? undefined : inserted }]
}
