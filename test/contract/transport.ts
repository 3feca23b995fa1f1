/**
 * What every way to the server keeps, as src/client/link/transport.ts words it: how links open, carry, end and are left,
 * and how reads succeed and fail. Run over the simulation's network and over the platform's.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Closing,
  type Link,
  type LinkEvents,
  type LinkRequest,
  ReadFailure,
  type ReadRequest,
  type Transport,
} from '../../src/client/index.ts'
import { decodeServerFrame, formatSeqs, Refusal, type ServerFrame, type Slice, type SliceFrame } from '../../src/protocol/index.ts'
import { parseSeqs } from '../../src/protocol/seq-ranges.ts'

export interface TransportRig {
  readonly transport: Transport
  readonly token: string
  /** Puts so many events on the tape, past the transport. */
  publish(count: number): Promise<void>
  /** Cuts every link and request that is open. */
  cut(): void
  /** While it is down, nothing that is opened or asked gets through. */
  setDown(isDown: boolean): void
  /** Resolves when the condition holds; rejects when it does not come about. */
  until(condition: () => boolean): Promise<void>
  dispose(): Promise<void>
}

/** Notes, in order, all that a link brings. */
class Notes implements LinkEvents {
  readonly texts: string[] = []
  readonly closings: Closing[] = []
  /** What came when it should not have: anything behind a close. */
  readonly late: string[] = []

  onFrame(text: string): void {
    if (this.closings.length > 0) this.late.push(text)
    this.texts.push(text)
  }

  onClose(closing: Closing): void {
    if (this.closings.length > 0) this.late.push('onClose')
    this.closings.push(closing)
  }

  get frames(): readonly ServerFrame[] {
    return this.texts.filter((text) => text.startsWith('{')).map(decodeServerFrame)
  }

  get slices(): readonly SliceFrame[] {
    return this.frames.filter((frame) => frame.type === 'slice')
  }
}

/** `badToken` is one that the server does not take, where there are tokens at all. */
export function transportContract(name: string, create: () => Promise<TransportRig>, badToken?: string): void {
  describe(`the transport: ${name}`, () => {
    let rig: TransportRig
    const open: Link[] = []

    beforeEach(async () => {
      rig = await create()
    })
    afterEach(async () => {
      for (const link of open.splice(0)) link.close()
      await rig.dispose()
    })

    function connect(request: Partial<LinkRequest> = {}) {
      const notes = new Notes()
      const link = rig.transport.connect({ token: rig.token, after: -1, epoch: null, ...request }, notes)
      open.push(link)
      return { link, notes }
    }

    async function welcomed(request: Partial<LinkRequest> = {}) {
      const opened = connect(request)
      await rig.until(() => opened.notes.frames[0]?.type === 'welcome')
      return opened
    }

    /** Once this returns, whatever the server had said before has arrived. */
    async function witness() {
      const { link, notes } = await welcomed()
      link.send('ping')
      await rig.until(() => notes.texts.includes('pong'))
      await rig.publish(1)
      await rig.until(() => notes.slices.length > 0)
      link.close()
    }

    async function epochOf(): Promise<string> {
      const { link, notes } = await welcomed()
      link.close()
      const [welcome] = notes.frames
      if (welcome?.type !== 'welcome' || welcome.epoch === null) throw new Error('The stream has no epoch yet.')
      return welcome.epoch
    }

    const publishFrame = (ref: number, client: string, counter = 1) =>
      JSON.stringify({
        type: 'publish',
        ref,
        client,
        drafts: [{ counter, seen: -1, type: 'insert', collection: 'things', identifier: `${client}-${counter}`, values: { n: counter } }],
      })

    test('[L1] a link says nothing before connect has returned; then the welcome comes first', async () => {
      const { notes } = connect()
      expect(notes.texts).toEqual([])
      await rig.until(() => notes.texts.length > 0)
      expect(notes.frames[0]).toMatchObject({ type: 'welcome', latestSeq: -1, epoch: null })
    })

    test('[L1] a link resumes where it is told to', async () => {
      await rig.publish(5)
      const epoch = await epochOf()
      const { notes } = await welcomed({ after: 2, epoch })
      await rig.until(() => notes.slices.length > 0)
      expect(notes.frames[0]).toMatchObject({ epoch, latestSeq: 4, follows: [[3, 4]] })
      expect(notes.slices[0]).toMatchObject({ epoch, covers: [[3, 4]] })
    })

    test('[S4] a link that names another epoch is told of the present one, and sent nothing after the place it knew', async () => {
      await rig.publish(5)
      const epoch = await epochOf()
      const { link, notes } = await welcomed({ after: 2, epoch: 'another' })
      link.send('ping')
      await rig.until(() => notes.texts.includes('pong'))
      expect(notes.frames).toEqual([expect.objectContaining({ type: 'welcome', epoch, latestSeq: 4 })])
      expect(notes.frames[0]).not.toHaveProperty('follows')
    })

    test('[L2] what is sent arrives in order, and so does what comes back', async () => {
      const { link, notes } = await welcomed()
      for (let counter = 1; counter <= 5; counter++) link.send(publishFrame(counter, 'me', counter))
      link.send('ping')
      const events = () => notes.slices.flatMap((slice) => slice.events)
      await rig.until(() => events().length === 5 && notes.texts.includes('pong'))
      expect(events().map(({ seq, counter }) => [seq, counter])).toEqual([0, 1, 2, 3, 4].map((seq) => [seq, seq + 1]))
      expect(notes.closings).toEqual([])
    })

    test('[C4] a cut is told once, as the last thing, and what is sent afterwards is lost without an error', async () => {
      const { link, notes } = await welcomed()
      rig.cut()
      await rig.until(() => notes.closings.length > 0)
      const heard = notes.texts.length
      expect(notes.closings[0]?.refusal).toBeUndefined()
      expect(() => link.send(publishFrame(1, 'me'))).not.toThrow()
      expect(() => link.send('ping')).not.toThrow()
      expect(() => link.close()).not.toThrow()
      await witness()
      expect(notes.closings).toHaveLength(1)
      expect(notes.late).toEqual([])
      expect(notes.texts).toHaveLength(heard)
      const slice = await read({ token: rig.token, ranges: [[0, 9]], epoch: await epochOf() })
      expect(slice.events.map(({ client }) => client)).not.toContain('me')
    })

    test('[C4] a link that is cut while it opens is told of once', async () => {
      const { notes } = connect()
      rig.cut()
      rig.setDown(true)
      await rig.until(() => notes.closings.length > 0)
      rig.setDown(false)
      await witness()
      expect(notes.closings).toHaveLength(1)
      expect(notes.late).toEqual([])
    })

    test('[C4] nothing comes of a link that was left, not even word of its end', async () => {
      await rig.publish(1)
      const early = connect()
      early.link.close()
      const late = await welcomed()
      const heard = late.notes.texts.length
      late.link.close()
      await witness()
      rig.cut()
      await witness()
      expect(early.notes.texts).toEqual([])
      expect(late.notes.texts.length).toBe(heard)
      expect([...early.notes.closings, ...late.notes.closings]).toEqual([])
    })

    test('[C4] a link that has been left takes what is sent, and loses it', async () => {
      const { link } = await welcomed()
      link.close()
      expect(() => link.send(publishFrame(1, 'me'))).not.toThrow()
      expect(() => link.close()).not.toThrow()
      await witness()
      const slice = await read({ token: rig.token, ranges: [[0, 9]], epoch: await epochOf() })
      expect(slice.events.map(({ client }) => client)).not.toContain('me')
    })

    test('[C6] without a network connect does not throw: the link closes later, once, for no reason but that', async () => {
      rig.setDown(true)
      const { link, notes } = connect()
      expect(notes.closings).toEqual([])
      expect(() => link.send('ping')).not.toThrow()
      await rig.until(() => notes.closings.length > 0)
      expect(notes.closings[0]?.refusal).toBeUndefined()
      rig.setDown(false)
      await witness()
      expect(notes.closings).toHaveLength(1)
      expect(notes.texts).toEqual([])
    })

    test('[L8] a link that the server closes is told with the close code', async () => {
      const older = await welcomed()
      older.link.send(publishFrame(1, 'me'))
      await rig.until(() => older.notes.slices.length > 0)
      const newer = await welcomed()
      newer.link.send(publishFrame(1, 'me', 2))
      await rig.until(() => older.notes.closings.length > 0)
      expect(older.notes.closings).toEqual([{ closeCode: 4409 }])
      expect(newer.notes.closings).toEqual([])
    })

    test('[L1][L8] a link that names its client is told how far that has got, and the older one is closed', async () => {
      const older = await welcomed({ client: 'me' })
      older.link.send(publishFrame(1, 'me'))
      await rig.until(() => older.notes.slices.length > 0)
      const newer = await welcomed({ client: 'me' })
      expect([older, newer].map(({ notes }) => notes.frames[0])).toMatchObject([{ counter: 0 }, { counter: 1 }])
      await rig.until(() => older.notes.closings.length > 0)
      expect(older.notes.closings).toEqual([{ closeCode: 4409 }])
    })

    if (badToken !== undefined) {
      test('[A4] an opening that the server refuses says with which code', async () => {
        for (const token of [badToken, 'no token', 'a/b', 'a\nb', 'a€b', '']) {
          const { notes } = connect({ token })
          expect(notes.closings).toEqual([])
          await rig.until(() => notes.closings.length > 0)
          expect(notes.closings).toEqual([{ refusal: token === '' ? 'token-missing' : 'token-invalid' }])
          expect(notes.texts).toEqual([])
        }
      })
    }

    if (badToken !== undefined) {
      test('[G1] filters that the server refuses are the reason that an opening and a read give, with what it says of them', async () => {
        await rig.publish(1)
        const filters = [{ nowhere: ['x'] }]
        const { notes } = connect({ filters })
        await rig.until(() => notes.closings.length > 0)
        expect(notes.closings).toEqual([{ refusal: 'bad-query' }])
        const failure = await failureOf(read({ token: rig.token, ranges: [[0, 0]], selection: { any: filters, except: [] } }))
        expect(failure).toMatchObject({ code: 'bad-query', details: { at: 'nowhere', detail: expect.any(String) } })
      })
    }

    test('[H2] a read gives the slice of what was asked', async () => {
      await rig.publish(10)
      const epoch = await epochOf()
      const slice = await read({ token: rig.token, ranges: parseSeqs('1-2,5'), epoch })
      expect(formatSeqs(slice.covers)).toBe('1-2,5')
      expect(slice.events.map(({ seq }) => seq)).toEqual([1, 2, 5])
      expect(slice.epoch).toBe(epoch)
    })

    test('[H2] a read beyond the tape gives what there is, within whatever time', async () => {
      await rig.publish(3)
      const slice = await read({ token: rig.token, ranges: [[1, 99]], epoch: await epochOf(), withinMs: 60_000.5 })
      expect(slice.covers).toEqual([[1, 2]])
    })

    test('[S4] a read that the server refuses rejects with its refusal', async () => {
      await rig.publish(1)
      const failure = await failureOf(read({ token: rig.token, ranges: [[0, 0]], epoch: 'another' }))
      expect(failure).toBeInstanceOf(Refusal)
      expect(failure).toMatchObject({ code: 'wrong-epoch' })
    })

    if (badToken !== undefined) {
      test('[A4] a read with a bad token rejects with the code', async () => {
        await rig.publish(1)
        const failure = await failureOf(read({ token: badToken, ranges: [[0, 0]], epoch: await epochOf() }))
        expect(failure).toMatchObject({ code: 'token-invalid' })
      })
    }

    test('[C1] a read without a network rejects with a failure of nobody, and may be tried again', async () => {
      await rig.publish(3)
      const request = { token: rig.token, ranges: [[0, 2]], epoch: await epochOf() } as const
      rig.setDown(true)
      const failure = await failureOf(read(request))
      expect(failure).toBeInstanceOf(ReadFailure)
      rig.setDown(false)
      expect((await read(request)).covers).toEqual([[0, 2]])
    })

    /** A read, while the rig's time goes on. */
    async function read(request: ReadRequest): Promise<Slice> {
      const reading = rig.transport.read(request)
      let isSettled = false
      const settle = () => {
        isSettled = true
      }
      reading.then(settle, settle)
      await rig.until(() => isSettled)
      return reading
    }
  })
}

function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}
