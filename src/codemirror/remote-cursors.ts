/** Where others are in the text: a cursor with a name, and what they have selected. They move with what is written around them. */
import { type EditorState, type Extension, type Range, StateEffect, StateField, type TransactionSpec } from '@codemirror/state'
import { Decoration, type DecorationSet, EditorView, WidgetType } from '@codemirror/view'

export interface RemoteCursor {
  readonly name: string
  /** Of CSS; the same for all by default. */
  readonly color?: string | undefined
  /** The selection: the cursor stands at `to`. */
  readonly from: number
  readonly to: number
}

const setCursors = StateEffect.define<readonly RemoteCursor[]>()

/** The extension for an editor that shows them. */
export function remoteCursors(): Extension {
  return [cursorField, theme]
}

/** What to dispatch so that these are shown, and no others. */
export function showRemoteCursors(cursors: readonly RemoteCursor[]): TransactionSpec {
  return { effects: setCursors.of(cursors) }
}

const cursorField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(decorations, { changes, effects, state }) {
    let shown = decorations.map(changes)
    for (const effect of effects) if (effect.is(setCursors)) shown = decorationsOf(effect.value, state)
    return shown
  },
  provide: (field) => EditorView.decorations.from(field),
})

function decorationsOf(cursors: readonly RemoteCursor[], { doc }: EditorState): DecorationSet {
  const ranges = cursors.flatMap(({ name, color = 'currentColor', from, to }): Range<Decoration>[] => {
    // Whoever told of a place may have had more of the text, or less.
    const [cursor, start, end] = [to, Math.min(from, to), Math.max(from, to)].map((place) => Math.max(0, Math.min(place, doc.length))) as [
      number,
      number,
      number,
    ]
    const caret = Decoration.widget({ widget: new Caret(name, color), side: 1 }).range(cursor)
    if (start === end) return [caret]
    const attributes = { style: `background-color: color-mix(in srgb, ${color} 25%, transparent)`, title: name }
    return [caret, Decoration.mark({ attributes }).range(start, end)]
  })
  return Decoration.set(ranges, true)
}

class Caret extends WidgetType {
  readonly #name: string
  readonly #color: string

  constructor(name: string, color: string) {
    super()
    this.#name = name
    this.#color = color
  }

  override eq(other: Caret): boolean {
    return other.#name === this.#name && other.#color === this.#color
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement('span')
    caret.className = 'tapeline-caret'
    caret.style.color = this.#color
    caret.title = this.#name
    caret.setAttribute('role', 'img')
    caret.setAttribute('aria-label', `${this.#name} is here`)
    return caret
  }

  override ignoreEvent(): boolean {
    return true
  }
}

const theme = EditorView.baseTheme({
  '.tapeline-caret': { borderLeft: '2px solid', marginLeft: '-1px', marginRight: '-1px', position: 'relative' },
})
