/** A text of one megabyte in lines, to try out what a changed line takes. */

const words = 'the tape runs from reel to reel and every window reads what it lacks by number alone'.split(' ')

export function sampleOf(): Uint8Array {
  const lines = Array.from({ length: 18_500 }, (_, index) => {
    const line = Array.from({ length: 10 }, (_, place) => words[(index * 7 + place * (index % 5) + place) % words.length])
    return `${String(index + 1).padStart(5)}  ${line.join(' ')}`
  })
  return new TextEncoder().encode(`${lines.join('\n')}\n`)
}
