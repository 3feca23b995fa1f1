/** The dinner party page: the guest list, the porter who tells of it, and the stream they hang on. */
import { Members, Models, memberIdentifier } from '../../models/index.ts'
import { elementOf, openDemoPage } from '../shell/demo-page.ts'
import { readDevice } from '../shell/device.ts'
import { readStreamName } from '../shell/stream-name.ts'
import { Chronicle } from './chronicle.ts'
import { GuestsView, guestNameLengthMax } from './guests-view.ts'
import { LastLook } from './last-look.ts'
import { storySeqsMax } from './news.ts'
import { OwnName } from './own-name.ts'
import { Porter } from './porter.ts'

const defaultName = 'demo.guests'
const collection = 'guests'

const members = new Members(collection)
const chronicle = new Chronicle(collection, storySeqsMax)
const stream = openDemoPage(new Models([members, chronicle]), defaultName)
if (stream !== undefined) {
  const device = readDevice(location.search)
  const ownName = new OwnName(device)
  const lastLook = new LastLook(readStreamName(location.search, defaultName), device)

  const show = () => view.show({ list: members.list, ownName: ownName.name, news: porter.news })
  let isDue = false
  /** Once all is told that is told in this turn: a connection is there a little before what it brings. */
  const showSoon = () => {
    if (isDue) return
    isDue = true
    queueMicrotask(() => {
      isDue = false
      porter.attend()
      show()
    })
  }

  const porter = new Porter({ stream, members, chronicle, lastLook, onNews: showSoon })
  const view = new GuestsView(
    { guests: elementOf('guests'), own: elementOf('own'), news: elementOf('news'), seen: elementOf('seen') },
    {
      join: (name) => {
        members.join(name)
        show()
      },
      leave: (identifier) => {
        members.leave(identifier)
        show()
      },
      comeIn: (text) => {
        const name = memberIdentifier(memberIdentifier(text).slice(0, guestNameLengthMax))
        if (name === '') return
        ownName.name = name
        members.join(name)
        show()
      },
      haveSeen: () => {
        porter.haveSeen()
        show()
      },
    },
  )
  members.subscribe(showSoon)
  stream.subscribe(showSoon)
  showSoon()
}
