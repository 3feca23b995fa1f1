/** Which keys undo and redo, and when they are the browser's own: in a text that has something to undo itself. */

type Key = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>

export function undoKey({ key, ctrlKey, metaKey, shiftKey, altKey }: Key): 'undo' | 'redo' | undefined {
  if (altKey || ctrlKey === metaKey) return undefined
  switch (key.toLowerCase()) {
    case 'z':
      return shiftKey ? 'redo' : 'undo'
    case 'y':
      return ctrlKey && !shiftKey ? 'redo' : undefined
    default:
      return undefined
  }
}

/** Remembers of a text input whether something was typed into it that its browser can undo. */
export class TypingWatch {
  #hasTyped = false

  constructor(input: HTMLInputElement) {
    input.addEventListener('input', (event) => {
      const isUndoing = event instanceof InputEvent && event.inputType === 'historyUndo'
      this.#hasTyped = !isUndoing || input.value !== ''
    })
  }

  get hasTyped(): boolean {
    return this.#hasTyped
  }

  /** The page has emptied the input itself: browsers forget with that. */
  forget(): void {
    this.#hasTyped = false
  }
}
