/** Editors tied to texts whose content comes late, out of order, or as something else than a text. */

import { undo } from '@codemirror/commands'
import { expect, test } from 'vitest'
import { rebase } from '../../src/client/outbox/rebase.ts'
import { Text } from '../../src/models/index.ts'
import type { Change, Draft, SeqRanges, TapeEvent } from '../../src/protocol/index.ts'
import { SimNetwork } from '../simulation/sim-network.ts'
import { comeToRest, SimProcess } from '../simulation/sim-process.ts'
import { SimServer } from '../simulation/sim-server.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { epoch, TestStream } from '../support/test-stream.ts'
import { VirtualTime } from '../support/virtual-time.ts'
import { live, PlayedView, rest, settle } from './played-view.ts'

const object = { collection: 'notes', identifier: 'text' }

test('[M11] the text is not there yet, removed, replaced by what is no text, and there again', async () => {
  const { text, put } = live()
  const view = new PlayedView(text, 'left over')
  await rest()
  expect([view.shown, view.state.readOnly]).toEqual(['', false])
  const none: readonly Change[] = [
    { type: 'delete', ...object },
    { type: 'update', ...object, values: { other: 'field' } },
    { type: 'insert', ...object, values: {} },
    { type: 'update', ...object, deltas: { text: [{ type: 'delete', offset: 5, count: 9 }] } },
    ...[7, null, true, [], ['x'], {}].map((value): Change => ({ type: 'update', ...object, values: { text: value } })),
  ]
  for (const change of none) {
    for (const type of ['insert', 'update'] as const) {
      put('other', { type, ...object, values: { text: 'a\r\n🙂' } })
      expect(view.shown).toBe('a\r\n🙂')
      view.type(0, 1, 'typed')
      put('other', change)
      const isKept = change.values?.other !== undefined || change.deltas !== undefined
      expect([view.shown, text.value], JSON.stringify(change)).toEqual(isKept ? ['typed\r\n🙂', 'typed\r\n🙂'] : ['', ''])
      view.type(0, 0, 'on ')
      expect(text.value).toBe(view.shown)
    }
  }
  put('other', { type: 'update', ...object, values: { text: 'half \ud800' } })
  view.type(0, 0, 'a ')
  expect([view.shown, text.value]).toEqual(['a half \ud800', 'a half \ud800'])
  await rest()
  expect([view.shown, view.errors]).toEqual([text.value, []])
})

test('[M11] the tape begins anew, or what comes first comes last', async () => {
  const text = new Text('notes')
  text.receiver = { didCreateDraft: () => {} }
  const view = new PlayedView(text, '')
  const event = (seq: number, values: string) => {
    return {
      seq,
      client: 'other',
      counter: seq + 1,
      seen: seq - 1,
      type: 'update',
      ...object,
      deltas: { text: [{ type: 'insert', offset: 0, values }] },
    } as const
  }
  text.apply([event(2, 'c'), event(1, 'b')], [], { client: 'me', holes: [[0, 0]] })
  await rest()
  expect(view.shown).toBe('')
  text.apply([event(0, 'a')], [], { client: 'me', holes: [] })
  expect(view.shown).toBe('cba')
  text.reset()
  expect(view.shown).toBe('')
  text.apply([event(0, 'z')], [], { client: 'me', holes: [] })
  await rest()
  expect([view.shown, text.value, view.errors]).toEqual(['z', 'z', []])
})

test('[M11] what is typed when another model has been told of an event, and the text not yet, is in both with it', async () => {
  const rig = new TestStream()
  const text = new Text('notes')
  const view = new PlayedView(text)
  // The model that the rig attaches is told first.
  rig.model.apply = (events) => {
    if (events.length > 0) view.type(0, 0, 'mine ')
  }
  rig.stream.attach(text)
  await rig.welcome(-1)
  const deltas = { text: [{ type: 'insert', offset: 0, values: 'theirs' }] } as const
  const event = { seq: 0, client: 'other', counter: 1, seen: -1, type: 'update', ...object, deltas }
  await rig.frame({ type: 'slice', epoch, latestSeq: 0, covers: [[0, 0]], events: [event] })
  expect(text.value).toMatch(/^(mine theirs|theirsmine )$/)
  expect([view.shown, view.errors]).toEqual([text.value, []])
})

/** Somebody with an editor, whose page has habits of its own. */
class Desk {
  readonly text = new Text('notes')
  readonly view = new PlayedView(this.text)
  readonly #random: SeededRandom

  constructor(random: SeededRandom) {
    this.#random = random
    this.view.onUpdate = () => this.#meddle()
    this.view.onUpdated = () => this.#meddle()
  }

  write(): void {
    const { view, text } = this
    const random = this.#random
    if (!text.isReady) return
    if (random.chance(0.1)) return void undo({ state: view.state, dispatch: (transaction) => view.dispatch(transaction) })
    const { length } = view.state.doc
    const offset = random.below(length + 1)
    view.type(offset, Math.min(length - offset, random.below(4)), random.pick(['', 'a', 'b\nc', 'd\r', 'word ']))
  }

  /** Now and then the page writes in the text while the editor is being updated, or right after. */
  #meddle(): void {
    const { text } = this
    while (text.isReady && this.#random.chance(0.1)) text.splice(this.#random.below(text.length + 1), 0, this.#random.pick(['*', '\n']))
  }
}

function expectSame(desks: readonly Desk[], name: string): void {
  const { value } = (desks[0] as Desk).text
  expect(value.length, name).toBeGreaterThan(0)
  for (const { text, view } of desks) expect([text.value, view.shown, view.errors], name).toEqual([value, value, []])
}

/** A tape, and what is under way to it and from it, which arrives in any order. */
class Line {
  readonly ends: LineEnd[] = []
  readonly #underWay: (() => void)[] = []
  readonly #random: SeededRandom
  #latestSeq = -1

  constructor(random: SeededRandom) {
    this.#random = random
  }

  connect(client: string, text: Text): void {
    this.ends.push(new LineEnd(client, this, text))
  }

  /** Nobody hears of what others were faster than. */
  publish(client: string, draft: Draft): void {
    this.#underWay.push(() => {
      if (draft.seen !== this.#latestSeq) return
      const seq = ++this.#latestSeq
      for (const end of this.ends) this.#underWay.push(() => end.receive({ ...draft, seq, client, counter: seq + 1 }))
    })
  }

  /** One of them arrives: false when there is none. */
  deliver(): boolean {
    const [arrive] = this.#underWay.splice(this.#random.below(this.#underWay.length), 1)
    arrive?.()
    return arrive !== undefined
  }
}

/** What stands between a text and the line, as a stream does. */
class LineEnd {
  readonly #client: string
  readonly #line: Line
  readonly #text: Text
  /** What has come, in order as far as there is no hole. */
  readonly #early = new Map<number, TapeEvent>()
  #nextSeq = 0
  #pending: readonly Draft[] = []

  constructor(client: string, line: Line, text: Text) {
    this.#client = client
    this.#line = line
    this.#text = text
    text.receiver = { didCreateDraft: (change) => this.#show([], [...this.#pending, { ...change, seen: -1 }]) }
    this.#show([], [])
  }

  /** Sends what has waited longest, anew until it has come back: false when nothing waits. */
  publish(): boolean {
    const [oldest] = this.#pending
    if (oldest !== undefined) this.#line.publish(this.#client, { ...oldest, seen: this.#nextSeq - 1 })
    return oldest !== undefined
  }

  receive(event: TapeEvent): void {
    this.#early.set(event.seq, event)
    let pending = this.#pending
    for (let next = this.#early.get(this.#nextSeq); next !== undefined; next = this.#early.get(this.#nextSeq)) {
      this.#early.delete(this.#nextSeq++)
      const isOwn = next.client === this.#client
      pending = isOwn ? pending.slice(1) : rebase(pending, next, this.#client).drafts.filter((draft) => typeof draft !== 'string')
    }
    this.#show([event], pending)
  }

  #show(events: readonly TapeEvent[], pending: readonly Draft[]): void {
    this.#pending = pending
    const holes: SeqRanges = this.#early.size === 0 ? [] : [[this.#nextSeq, Math.min(...this.#early.keys()) - 1]]
    this.#text.apply(events, pending, { client: this.#client, holes })
  }
}

test('[M11] two texts over a slow line that reorders, each with an editor, end the same everywhere', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new SeededRandom(seed)
    const line = new Line(random)
    const desks = [new Desk(random), new Desk(random)]
    desks.forEach(({ text }, index) => {
      line.connect('AB'.charAt(index), text)
    })
    for (let step = 0; step < 60; step++) {
      const dice = random.next()
      if (dice < 0.3) random.pick(desks).write()
      else if (dice < 0.5) random.pick(line.ends).publish()
      else line.deliver()
      if (random.chance(0.5)) await settle()
    }
    do {
      while (line.deliver()) if (random.chance(0.5)) await settle()
      await rest()
    } while (line.ends.filter((end) => end.publish()).length > 0)
    expectSame(desks, `seed ${seed}`)
  }
})

test('[M11] two streams over a bad network, each with a text and an editor, end the same everywhere', async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new SeededRandom(seed)
    const time = new VirtualTime()
    const temper = { loss: 0.3, failure: 0.1, delayMsMax: 100 }
    const network = new SimNetwork(new SimServer(time), { time, random, temper })
    const desks = [new Desk(random), new Desk(random)]
    const streams = desks.map(({ text }, index) => {
      const stream = new SimProcess('AB'.charAt(index), { time, network, random }).open()
      stream.attach(text)
      return stream
    })
    await time.advance(500)
    for (let step = 0; step < 40; step++) {
      if (random.chance(0.05)) network.cutOne()
      else random.pick(desks).write()
      if (random.chance(0.6)) await time.advance(random.next() * random.pick([0, 20, 60]))
    }
    temper.loss = 0
    temper.failure = 0
    expect(await comeToRest(() => streams, { time, network, isAtRest: () => true }), `seed ${seed}`).toBe(true)
    expectSame(desks, `seed ${seed}`)
    expect(streams.flatMap(({ status }) => status.refused)).toEqual([])
  }
})
