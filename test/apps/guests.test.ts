/** What the dinner party tells, from what, and how. */
import { describe, expect, test } from 'vitest'
import { Chronicle } from '../../src/apps/guests/chronicle.ts'
import { decodeLook } from '../../src/apps/guests/last-look.ts'
import { tellChanges, tellStory } from '../../src/apps/guests/narration.ts'
import { type NewsParts, newsOf, storySeqsMax } from '../../src/apps/guests/news.ts'
import type { TapeEvent } from '../../src/browser/index.ts'
import { type Happening, Members } from '../../src/models/index.ts'

function event(seq: number, type: 'insert' | 'delete', name: string, more: Partial<TapeEvent> = {}): TapeEvent {
  return { seq, seen: seq - 1, type, collection: 'guests', identifier: name, ...(type === 'delete' ? {} : { values: { name } }), ...more }
}

function happening(type: Happening['type'], name: string, more: Partial<Happening> = {}): Happening {
  return { seq: 0, type, identifier: name, name, ...more }
}

const texts = (sentences: ReturnType<typeof tellStory>) => sentences.map(({ name, text }) => `${name} ${text}`)

describe('the sentences', () => {
  test('are one for each guest, in the order in which they are first mentioned', () => {
    const steps = [
      happening('left', 'Blake'),
      happening('joined', 'Emily'),
      happening('joined', 'Dan'),
      happening('left', 'Emily'),
      happening('returned', 'Emily'),
    ]
    expect(texts(tellStory(steps))).toEqual(['Blake left.', 'Emily came, left and came back.', 'Dan came.'])
    expect(tellStory([])).toEqual([])
  })

  test('call a guest by the name from before', () => {
    const renamed = happening('renamed', 'Blake B.', { identifier: 'u-1', was: 'Blake' })
    expect(texts(tellStory([renamed, happening('left', 'Blake B.', { identifier: 'u-1' })]))).toEqual([
      'Blake is called Blake B. now and left.',
    ])
  })

  test('count what would be long to tell', () => {
    const steps = Array.from({ length: 7 }, (_, n) => happening(n % 2 === 0 ? 'left' : 'returned', 'Dan'))
    expect(texts(tellStory(steps))).toEqual(['Dan came and went, 3 times in all, and is gone now.'])
    expect(texts(tellStory(steps.slice(1)))).toEqual(['Dan came and went, 3 times in all, and is gone now.'])
    expect(texts(tellStory([...steps, happening('returned', 'Dan')]))).toEqual(['Dan came and went, 4 times in all, and is here now.'])
  })

  test('of the short answer say who is gone, and who is new', () => {
    const member = { identifier: 'Emily', name: 'Emily', isPending: false }
    expect(texts(tellChanges({ joined: [member], left: [{ identifier: 'Blake', name: 'Blake' }] }))).toEqual([
      'Blake is gone.',
      'Emily is new here.',
    ])
  })
})

describe('the chronicle', () => {
  test('has what came as it was written, and names the seqs of the rest', () => {
    const chronicle = new Chronicle('guests', 100)
    chronicle.apply([event(3, 'insert', 'A'), event(5, 'insert', 'B', { stamps: { name: 8 } }), event(6, 'delete', 'C')])
    expect(chronicle.missing(2, 8)).toEqual([
      [4, 5],
      [7, 8],
    ])
    expect(chronicle.missing(2, 3)).toEqual([])
    chronicle.add([[4, 5]], [event(5, 'insert', 'B')])
    expect(chronicle.missing(2, 8)).toEqual([[7, 8]])
    expect(chronicle.after(3).map(({ seq }) => seq)).toEqual([5, 6])
    chronicle.reset()
    expect([chronicle.missing(2, 4), chronicle.after(-1)]).toEqual([[[3, 4]], []])
  })

  test('forgets what is too old to be told', () => {
    const chronicle = new Chronicle('guests', 10)
    chronicle.add([[0, 5]], [event(0, 'insert', 'A')])
    chronicle.apply([event(14, 'insert', 'B')])
    expect(chronicle.missing(-1, 14)).toEqual([
      [0, 4],
      [6, 13],
    ])
  })
})

describe('the news', () => {
  function parts(more: Partial<NewsParts> = {}): NewsParts {
    const members = new Members('guests')
    const chronicle = new Chronicle('guests', storySeqsMax)
    const events = [event(0, 'insert', 'Blake'), event(1, 'delete', 'Blake'), event(2, 'insert', 'Emily')]
    members.apply(events, [])
    chronicle.apply(events.slice(2))
    const look = { seq: 0, here: new Map([['Blake', 'Blake']]) }
    return {
      members,
      chronicle,
      look,
      isFirst: false,
      latestSeq: 2,
      status: { connection: 'online', holes: [] },
      isUnreadable: false,
      ...more,
    }
  }

  test('are that one has arrived, before there was a look, and until something happens', () => {
    expect(newsOf(parts({ look: undefined }))).toEqual({ type: 'arrived' })
    expect(newsOf(parts({ look: { seq: 2, here: new Map() }, isFirst: true }))).toEqual({ type: 'arrived' })
    expect(newsOf(parts({ look: { seq: 2, here: new Map() } }))).toEqual({ type: 'story', sentences: [] })
  })

  test('are asked of the tape where the story is not here, once there is a connection and nothing else on its way', () => {
    expect(newsOf(parts())).toEqual({ type: 'asking', missing: [[1, 1]] })
    expect(newsOf(parts({ status: { connection: 'online', holes: [[1, 1]] } }))).toEqual({ type: 'asking', missing: [] })
    expect(newsOf(parts({ status: { connection: 'connecting', holes: [] } }))).toEqual({ type: 'asking', missing: [] })
  })

  test('are the whole story when all of it is here, connection or not', () => {
    const told = parts({ status: { connection: 'offline', holes: [] } })
    told.chronicle.add([[1, 1]], [event(1, 'delete', 'Blake')])
    const news = newsOf(told)
    expect(news.type === 'story' ? texts(news.sentences) : news).toEqual(['Blake left.', 'Emily came.'])
  })

  test.each([
    ['offline', { status: { connection: 'offline', holes: [] } }],
    ['offline', { status: { connection: 'paused', holes: [] } }],
    ['offline', { status: { connection: 'stopped', holes: [] } }],
    ['unread', { isUnreadable: true }],
    ['much', { latestSeq: storySeqsMax + 1 }],
  ] as const)('are the short answer, because of "%s", when that is all there is to be had', (reason, more) => {
    const news = newsOf(parts(more))
    expect(news.type === 'short' ? [news.reason, ...texts(news.sentences)] : news).toEqual([reason, 'Blake is gone.', 'Emily is new here.'])
  })
})

test('a look is read back as it was kept, and nothing else is one', () => {
  expect(decodeLook('{"seq":3,"here":[["Blake","Blake"]]}')).toEqual({ seq: 3, here: new Map([['Blake', 'Blake']]) })
  for (const text of [
    null,
    '',
    'null',
    '[]',
    '{"seq":"3","here":[]}',
    '{"seq":0.5,"here":[]}',
    '{"seq":3}',
    '{"seq":3,"here":[["x",1]]}',
    '{"seq":3,"here":["xy"]}',
  ]) {
    expect(decodeLook(text)).toBeUndefined()
  }
})
