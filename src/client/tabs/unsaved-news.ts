/**
 * What has happened and is not saved yet: it is told to other tabs when it is, and handed over to another owner when it
 * never will be. Each piece belongs to the save that was gathered when it happened.
 */
import type { Leaving } from '../outbox/outbox-entry.ts'
import type { Placed, TabNews } from './tabs.ts'
import type { MadeDraft } from './untaken.ts'

interface News {
  readonly placed: Placed[]
  readonly leaving: Leaving[]
  /** Drafts of this tab, as they were made. */
  readonly made: MadeDraft[]
}

export class UnsavedNews {
  #gathered = noNews()
  #underWay = noNews()

  /** Drafts of this tab that the store does not have. */
  get made(): readonly MadeDraft[] {
    return [...this.#underWay.made, ...this.#gathered.made]
  }

  addMade(draft: MadeDraft): void {
    this.#gathered.made.push(draft)
  }

  addPlaced(placed: Placed): void {
    this.#gathered.placed.push(placed)
  }

  addLeaving(leaving: readonly Leaving[]): void {
    for (const leave of leaving) this.#gathered.leaving.push(leave)
  }

  /** What was gathered until now is being saved. */
  seal(): void {
    const { placed, leaving, made } = this.#gathered
    this.#gathered = noNews()
    for (const each of placed) this.#underWay.placed.push(each)
    for (const each of leaving) this.#underWay.leaving.push(each)
    for (const each of made) this.#underWay.made.push(each)
  }

  /** It has been saved: gives what there is to tell. */
  take(): Omit<TabNews, 'change'> {
    const { placed, leaving } = this.#underWay
    this.#underWay = noNews()
    return { placed, leaving }
  }
}

function noNews(): News {
  return { placed: [], leaving: [], made: [] }
}
