/** The to-do page as a person has it in hand. */
import type { BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { Visit } from '../support/browser.ts'
import { eventually, type Site } from './site.ts'

export class TodoPage {
  /** Of whoever sits at the browser. */
  readonly visit: Visit
  readonly page: Page
  readonly newTodo: Locator
  readonly items: Locator
  readonly titles: Locator
  readonly toggleAll: Locator
  readonly count: Locator
  readonly clearCompleted: Locator
  /** Switches the network off, on purpose. */
  readonly workOffline: Locator
  /** What waits, at the end of the tape. */
  readonly pendingCells: Locator
  /** What was changed here and elsewhere at once, from top to bottom. */
  readonly remarks: Locator
  readonly undo: Locator
  readonly redo: Locator
  /** What could not be undone. */
  readonly undoNote: Locator

  private constructor(visit: Visit, page = visit.page) {
    this.visit = visit
    this.page = page
    this.newTodo = this.page.getByPlaceholder('What needs to be done?')
    this.items = this.page.getByTestId('todo-item')
    this.titles = this.page.getByTestId('todo-title')
    this.toggleAll = this.page.getByLabel('Mark all as complete')
    this.count = this.page.getByTestId('todo-count')
    this.clearCompleted = this.page.getByRole('button', { name: 'Clear completed' })
    this.workOffline = this.page.getByRole('switch', { name: 'Work offline' })
    this.pendingCells = this.page.locator('.cell[data-type="pending"]')
    this.remarks = this.page.getByRole('group', { name: /^Conflict about/ })
    this.undo = this.page.getByRole('button', { name: 'Undo' })
    this.redo = this.page.getByRole('button', { name: 'Redo' })
    this.undoNote = this.page.locator('.undo-note')
  }

  /** Opens it, and waits until all of the tape is there. */
  static async open(site: Site, stream: string, options: BrowserContextOptions & { origin?: string } = {}): Promise<TodoPage> {
    const todo = new TodoPage(await site.visit(`/todo/?stream=${stream}`, options))
    await todo.online()
    return todo
  }

  /** Another window of the same browser, on the same page unless `address` is another one. */
  static async beside({ visit, page }: TodoPage, address = page.url()): Promise<TodoPage> {
    const todo = new TodoPage(visit, await page.context().newPage())
    todo.page.setDefaultTimeout(10_000)
    todo.page.on('pageerror', (error) => visit.offences.push(`error: ${error.message}`))
    await todo.page.goto(address)
    return todo
  }

  /** Another window of the same browser, as another device on the same stream. */
  static async onDevice(todo: TodoPage, device: string): Promise<TodoPage> {
    const address = new URL(todo.page.url())
    address.searchParams.set('device', device)
    const other = await TodoPage.beside(todo, address.href)
    await other.online()
    return other
  }

  /** The state that the badge shows. */
  badge(): Promise<string | null> {
    return this.page.getByRole('status').first().getAttribute('data-state')
  }

  badgeText(): Promise<string | null> {
    return this.page.getByRole('status').first().textContent()
  }

  async online(): Promise<void> {
    await eventually(() => this.badge()).toBe('online')
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

  itemOf(title: string): Locator {
    return this.items.filter({ has: this.page.getByText(title, { exact: true }) })
  }

  async rename(title: string, to: string): Promise<void> {
    await this.titles.getByText(title, { exact: true }).dblclick()
    const input = this.page.getByRole('textbox', { name: 'Edit' })
    await input.fill(to)
    await input.press('Enter')
    await this.itemOf(to).waitFor()
  }

  async remove(title: string): Promise<void> {
    await this.itemOf(title).hover()
    await this.itemOf(title).getByRole('button', { name: 'Delete' }).click()
    await this.itemOf(title).waitFor({ state: 'detached' })
  }

  handleOf(title: string): Locator {
    return this.itemOf(title).getByRole('button', { name: 'Move' })
  }

  /** Takes a task by its handle and holds it, with the mouse, over the middle of another. */
  async dragOver(title: string, over: string): Promise<void> {
    const [handle, row] = [await this.handleOf(title).boundingBox(), await this.itemOf(over).boundingBox()]
    if (handle === null || row === null) throw new Error('What is to be dragged is not on the page.')
    await this.page.mouse.move(handle.x + handle.width / 2, handle.y + handle.height / 2)
    await this.page.mouse.down()
    // Beyond the middle, seen from where it comes.
    const nudgePx = handle.y < row.y ? 4 : -4
    await this.page.mouse.move(handle.x + handle.width / 2, row.y + row.height / 2 + nudgePx, { steps: 4 })
  }

  async goOffline(): Promise<void> {
    await this.workOffline.click()
    await eventually(() => this.badge()).toBe('paused')
  }

  async goOnline(): Promise<void> {
    await this.workOffline.click()
    await this.settled()
  }

  /** What a screen reader was told last. */
  told(): Promise<string | null> {
    return this.page.locator('#announcements').textContent()
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

  /** Waits until all that was done here is on the tape. */
  async settled(): Promise<void> {
    // The tape is drawn once a frame: by the next but one it shows what was done just now.
    await this.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
    await eventually(async () => [await this.badge(), await this.pendingCells.count()]).toEqual(['online', 0])
  }
}
