/**
 * Ties a plain textarea to a text: what is typed becomes splices, what others write appears without moving the cursor,
 * the selection or the scroll position. While characters are being composed (an accent, a syllable) nothing is written
 * into the textarea: what others wrote meanwhile comes when that is done.
 */
import { composeAll, cutsPair, diff, movePlace, type Splices, transform } from '../protocol/index.ts'
import type { EditableText } from './editable-text.ts'

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
  /** The text when it had that: the same, but for kinds of line breaks. */
  #known = ''
  #isTaking = false
  #isComposing = false
  /** What the text did meanwhile. */
  #missed: Splices<string>[] = []

  constructor(text: EditableText, element: HTMLTextAreaElement) {
    this.#text = text
    this.#element = element
    const { signal } = this.#listening
    element.addEventListener('input', () => this.#isComposing || this.#takeInput(), { signal })
    element.addEventListener('compositionstart', () => (this.#isComposing = true), { signal })
    element.addEventListener('compositionend', () => this.#endComposition(), { signal })
    this.#unsubscribe = text.subscribe(({ splices }) => this.#changed(splices))
    this.#write([])
  }

  end(): void {
    this.#listening.abort()
    this.#unsubscribe()
  }

  #changed(splices: Splices<string>): void {
    // The textarea has it already. What the page itself does to the text, behind a button, it has not.
    if (this.#isTaking) return
    if (this.#isComposing) this.#missed.push(splices)
    else this.#write(splices)
  }

  #endComposition(): void {
    this.#isComposing = false
    this.#takeInput()
  }

  #takeInput(): void {
    const { value, selectionEnd } = this.#element
    const missed = composeAll(this.#missed)
    this.#missed = []
    const typed = this.#typed(value, selectionEnd)
    this.#isTaking = true
    try {
      this.#text.edit(transform(typed, missed, 'later'))
    } catch (error) {
      // It cannot be so: the textarea shows what is.
      this.#write(missed)
      throw error
    } finally {
      this.#isTaking = false
    }
    if (this.#text.value !== value) this.#write(transform(missed, typed, 'earlier'))
    else this.#shown = this.#known = value
  }

  /** What has been typed since, as splices of the text that was known then. */
  #typed(value: string, cursor: number): Splices<string> {
    if (value === this.#shown) return []
    // A textarea knows one kind of line break: whoever writes in it makes all of them that.
    const hasOtherBreaks = this.#known.length !== this.#shown.length
    return hasOtherBreaks ? diff(this.#known, value) : spliceOf(this.#shown, value, cursor)
  }

  /** `splices` lead from what the textarea has to the text. */
  #write(splices: Splices<string>): void {
    const element = this.#element
    const text = this.#text.value
    element.readOnly = !this.#text.isReady
    const { value: before, selectionStart, selectionEnd, selectionDirection, scrollTop } = element
    if (before !== text) element.value = text
    const after = element.value
    const hasOtherBreaks = text.length !== after.length || this.#known.length !== this.#shown.length
    // Places in the textarea are then others than in the text.
    const moves = hasOtherBreaks ? diff(before, after) : splices
    this.#shown = after
    this.#known = text
    element.setSelectionRange(movePlace(selectionStart, moves), movePlace(selectionEnd, moves), selectionDirection)
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
