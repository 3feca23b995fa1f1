import { expect, test } from 'vitest'
import { Orders } from '../../src/client/tabs/orders.ts'
import type { TabMessage, TabOrder } from '../../src/client/tabs/tabs.ts'
import { Untaken } from '../../src/client/tabs/untaken.ts'
import type { ObjectFilter } from '../../src/protocol/index.ts'

function ordersOf(wanted: readonly ObjectFilter[]) {
  const posted: TabOrder[] = []
  const post = (message: TabMessage) => void (message.type === 'order' && posted.push(message.order))
  const orders = new Orders(new Untaken(() => 'tab'), { post, onMessage: undefined }, wanted)
  return { orders, given: () => posted.splice(0).map((order) => ('filters' in order ? [order.type, order.filters] : [order.type])) }
}

test('[C14] the next owner is told what is wanted, and to work offline while none has said that it does', () => {
  const { orders, given } = ordersOf([{ collection: ['a'] }])
  orders.want([{ collection: ['b'] }])
  orders.give({ type: 'nudge' })
  orders.switch('pause')
  expect(given()).toEqual([['want', [{ collection: ['b'] }]], ['nudge'], ['pause']])
  orders.repeat()
  expect(given()).toEqual([['want', [{ collection: ['b'] }]], ['pause']])
  orders.heard()
  orders.repeat()
  expect(given()).toEqual([['want', [{ collection: ['b'] }]]])
})

test('[C14] a tab that is not there wants nothing until it is there again; one that has gone asks for nothing', () => {
  const { orders, given } = ordersOf([{ collection: ['a'] }])
  orders.present(false)
  orders.present(true)
  expect(given()).toEqual([
    ['want', undefined],
    ['want', [{ collection: ['a'] }]],
  ])
  orders.stop()
  orders.repeat()
  expect(given()).toEqual([])
})
