/** How titles of tasks and lists of things stand in a sentence. */

/** So much of a title tells which task it is. */
const titleLengthMax = 40
/** Marks that turn the direction of what follows them: in somebody's title they would turn our sentence. */
const directionMarks = /[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/

/** In quotation marks, on one line, cut where it is long. */
export function quote(title: string): string {
  return `“${shorten(title)}”`
}

/** On one line, cut where it is long: enough to tell what a control is about. */
export function shorten(title: string): string {
  const line = title.replace(directionMarks, '').replace(/\s+/g, ' ').trim()
  const letters = Array.from(line)
  const text = letters.length > titleLengthMax ? `${letters.slice(0, titleLengthMax).join('').trimEnd()}…` : line
  // What is written from right to left turns nothing around it.
  return rightToLeft.test(text) ? `\u2068${text}\u2069` : text
}

/** a, b and c */
export function enumerate(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}

/** The sentence with a capital at its beginning. */
export function capitalize(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
}
