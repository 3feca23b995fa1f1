/** The to-do page: the list, its view, and the stream they hang on. */
import { elementOf, openDemoPage } from '../shell/demo-page.ts'
import { Announcer } from './announcer.ts'
import { LabelMenu } from './label-menu.ts'
import { TodoList } from './todo-list.ts'
import { TodoView } from './todo-view.ts'

const newTodo = elementOf('new-todo')
if (!(newTodo instanceof HTMLInputElement)) throw new Error('#new-todo is not an input.')

const list = new TodoList()
new TodoView({
  list,
  section: elementOf('todoapp'),
  newTodo,
  labelMenu: new LabelMenu(elementOf('label-menu')),
  undoBar: elementOf('undo-bar'),
  announcer: new Announcer(elementOf('announcements')),
})

openDemoPage(list.history, 'demo.todo')
