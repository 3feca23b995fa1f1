/** Keeps focus and caret where they are while a list is rendered anew, even when its rows move. */

export function keepFocus(render: () => void): void {
  const focused = document.activeElement
  const caret =
    focused instanceof HTMLInputElement && focused.type === 'text' ? ([focused.selectionStart, focused.selectionEnd] as const) : undefined
  render()
  if (!(focused instanceof HTMLElement) || !focused.isConnected || document.activeElement === focused) return
  focused.focus({ preventScroll: true })
  if (caret !== undefined && focused instanceof HTMLInputElement) focused.setSelectionRange(...caret)
}
