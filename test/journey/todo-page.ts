/** The to-do page as a person has it in hand. */
import type { BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { Visit } from '../support/browser.ts'
import { eventually, type Site } from './site.ts'

export class TodoPage {
  readonly visit: Visit
  readonly page: Page
  readonly newTodo: Locator
  readonly items: Locator
  readonly titles: Locator
  readonly toggleAll: Locator
  readonly count: Locator
  readonly clearCompleted: Locator

  private constructor(visit: Visit) {
    this.visit = visit
    this.page = visit.page
    this.newTodo = this.page.getByPlaceholder('What needs to be done?')
    this.items = this.page.getByTestId('todo-item')
    this.titles = this.page.getByTestId('todo-title')
    this.toggleAll = this.page.getByLabel('Mark all as complete')
    this.count = this.page.getByTestId('todo-count')
    this.clearCompleted = this.page.getByRole('button', { name: 'Clear completed' })
  }

  /** Opens it, and waits until all of the tape is there. */
  static async open(site: Site, stream: string, options: BrowserContextOptions & { origin?: string } = {}): Promise<TodoPage> {
    const todo = new TodoPage(await site.visit(`/todo/?stream=${stream}`, options))
    await todo.online()
    return todo
  }

  async online(): Promise<void> {
    await eventually(() => this.visit.badge()).toBe('online')
  }

  async add(...titles: string[]): Promise<void> {
    for (const title of titles) {
      await this.newTodo.fill(title)
      await this.newTodo.press('Enter')
    }
  }

  item(index: number): Locator {
    return this.items.nth(index)
  }

  toggle(index: number): Locator {
    return this.item(index).locator('input.toggle')
  }

  filter(name: string): Locator {
    return this.page.getByRole('link', { name, exact: true })
  }

  /** Begins to edit an item, and gives the input. */
  async edit(index: number): Promise<Locator> {
    await this.item(index).getByTestId('todo-title').dblclick()
    const input = this.item(index).getByRole('textbox', { name: 'Edit' })
    await input.waitFor()
    return input
  }

  /** What the list shows, done ones with a mark. */
  async list(): Promise<readonly string[]> {
    return this.items.evaluateAll((items) =>
      items.map((item) => `${item.classList.contains('completed') ? '✓ ' : ''}${item.querySelector('label')?.textContent}`),
    )
  }

  /** Waits until the list shows this. */
  async shows(...list: string[]): Promise<void> {
    await eventually(() => this.list()).toEqual(list)
  }

  /** Whether all that was done here is on the tape. */
  async settled(): Promise<void> {
    await eventually(async () => [await this.visit.badge(), await this.page.locator('.cell[data-type="pending"]').count()]).toEqual([
      'online',
      0,
    ])
  }
}
