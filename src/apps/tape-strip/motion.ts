/** What moves when the tape does: new cells slide in, a hole fills cell by cell, the reels turn. */
import type { Cell } from './cells.ts'

const staggerMs = 28
/** However many cells fill at once, the last one starts by then. */
const staggerMsMax = 700

export function animateChanges(element: HTMLElement, before: readonly Cell[], after: readonly Cell[]): void {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return
  const typeBefore = new Map(before.map(({ key, type }) => [key, type]))
  const changed = after.filter(({ key, type }) => type !== 'hole' && typeBefore.get(key) !== type)
  for (const [index, { key }] of changed.entries()) {
    const cell = element.querySelector(`.cell[data-key="${key}"]`)
    const wasHole = typeBefore.get(key) === 'hole'
    cell?.querySelector('.cell-block')?.animate(
      wasHole
        ? [
            { transform: 'translateY(-14px) scale(.6)', opacity: 0 },
            { transform: 'none', opacity: 1 },
          ]
        : [
            { transform: 'translateX(18px)', opacity: 0 },
            { transform: 'none', opacity: 1 },
          ],
      {
        duration: wasHole ? 420 : 240,
        delay: Math.min(index * staggerMs, staggerMsMax),
        easing: 'cubic-bezier(.2,.8,.3,1)',
        fill: 'backwards',
      },
    )
  }
  if (changed.some(({ type }) => type === 'event')) turnReels(element)
}

function turnReels(element: HTMLElement): void {
  for (const hub of element.querySelectorAll('.reel-hub')) {
    hub.animate([{ transform: 'rotate(0deg)' }, { transform: 'rotate(90deg)' }], { duration: 500, easing: 'ease-out' })
  }
}
