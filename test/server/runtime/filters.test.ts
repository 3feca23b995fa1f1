/** Filtered reads and listening, on the real object: HTTP, the socket, and what is declared how. */
import { evictDurableObject } from 'cloudflare:test'
import { beforeAll, describe, expect, test } from 'vitest'
import { decodeSlice, type Slice } from '../../../src/protocol/index.ts'
import { call, LiveSocket, publish, textOf } from '../../support/live.ts'
import { testToken } from '../../support/tokens.ts'
import { rowCounts, stubOf, untilSealed, untilSockets } from './objects.ts'

async function declare(stream: string, name: string, body: unknown, may: 'admin' | 'publish' = 'admin'): Promise<Record<string, unknown>> {
  const token = await testToken({ may: ['read', may] })
  const answer = await call(`/v1/streams/${stream}/indexes/${name}`, { method: 'PUT', body: JSON.stringify(body), token })
  return answer.json()
}

const task = (identifier: string, values: object, type = 'insert') => ({ type, collection: 'tasks', identifier, values })
const publishAll = async (stream: string, drafts: readonly object[]) => (await publish(stream, { drafts })).text()

async function read(stream: string, query: string): Promise<Slice> {
  const answer = await call(`/v1/streams/${stream}/events?${query}`)
  return decodeSlice(await answer.text(), true)
}

async function problem(path: string): Promise<unknown> {
  return (await call(path)).json()
}

describe('a filtered stream', () => {
  const stream = 'filters-1'
  beforeAll(async () => {
    await declare(stream, 'project', { pointer: '/project' })
    await declare(stream, 'city', { pointer: '/address/city' })
    await publishAll(stream, [
      task('a', { project: 'p1', n: 0 }),
      task('b', { project: 'p2', n: 1, address: { city: 'Ulm' } }),
      task('a', { n: 2 }, 'update'),
      task('b', { project: 'p1' }, 'update'),
      { ...task('a', {}), collection: 'notes', values: { project: 7 } },
    ])
  })

  test('[G1][H2] gives the events of the objects that have ever matched, and covers the rest', async () => {
    expect(await read(stream, 'project=p1')).toMatchObject({ covers: [[0, 4]], latestSeq: 4, events: [0, 1, 2, 3].map((seq) => ({ seq })) })
    expect((await read(stream, 'seq=2-3&project=p1')).events.map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect((await read(stream, 'seq=2-3&project=p1&fold=true')).events.map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect((await read(stream, 'city=Ulm&project=p1&project=p9')).events.map(({ seq }) => seq)).toEqual([1, 3])
    expect((await read(stream, 'project=7')).events.map(({ collection }) => collection)).toEqual(['notes'])
    expect(await read(stream, 'project=nobody')).toMatchObject({ covers: [[0, 4]], events: [] })
    expect(await read(stream, 'collection=notes')).toMatchObject({ covers: [[0, 4]], events: [{ seq: 4 }] })
    const lines = await textOf(await call(`/v1/streams/${stream}/events?identifier=b`, { headers: { Accept: 'application/x-ndjson' } }))
    expect(lines.trimEnd().split('\n')).toHaveLength(2)
    const answer = await call(`/v1/streams/${stream}/events?project=p1`)
    const { headers } = answer
    await answer.text()
    expect([headers.get('Cache-Control'), headers.get('ETag')]).toEqual(['no-store', null])
  })

  test('[G2][G3] tells what is appended, asleep or not, and leaves a hole where an object’s past is wanted', async () => {
    const socket = await LiveSocket.open(stream, { query: '?after=4&project=p2&project=p3' })
    const all = await LiveSocket.open(stream)
    expect(await socket.next()).not.toHaveProperty('follows')
    await all.next()
    await evictDurableObject(stubOf(stream))
    await publishAll(stream, [
      task('b', { n: 5 }, 'update'),
      task('c', { project: 'p3' }),
      task('a', { project: 'p3' }, 'update'),
      task('d', {}),
    ])
    expect(await all.next()).toMatchObject({ covers: [[5, 8]], events: [5, 6, 7, 8].map((seq) => ({ seq })) })
    expect(await socket.next()).toMatchObject({
      latestSeq: 8,
      covers: [
        [5, 6],
        [8, 8],
      ],
      events: [{ seq: 5 }, { seq: 6 }],
    })
    socket.send({ type: 'fetch', ref: 1, seq: [[7, 7]] })
    const { events, covers } = (await socket.next()) as unknown as Slice
    expect(covers).toEqual([[7, 7]])
    expect(events.map(({ identifier }) => identifier)).toEqual(['a', 'a'])
    expect(events.at(-1)).toMatchObject({ seq: 7 })
    socket.close()
    all.close()
  })

  test('[G5] several filters are asked for at once, without what belongs to others', async () => {
    const seqs = async (query: string) => (await read(stream, query)).events.map(({ seq }) => seq)
    const [p1, p2, notes] = [{ project: 'p1' }, { project: ['p2'] }, { collection: ['notes'] }].map((filter) =>
      encodeURIComponent(JSON.stringify(filter)),
    )
    expect(await seqs(`seq=0-4&filter=${p1}&filter=${notes}`)).toEqual([0, 1, 2, 3, 4])
    expect(await seqs(`seq=0-4&filter=${p1}&except=${p2}`)).toEqual([0, 2])
    expect(await seqs(`seq=0-4&except=${p1}`)).toEqual([4])
    expect(await seqs(`seq=0-4&collection=tasks&except=${p2}`)).toEqual([0, 2])
    const socket = await LiveSocket.open(stream, { query: `?filter=${p2}&filter=${notes}` })
    await socket.next()
    socket.send({ type: 'fetch', ref: 1, seq: [[0, 4]] })
    expect(await socket.next()).toMatchObject({ covers: [[0, 4]], events: [{ seq: 1 }, { seq: 3 }, { seq: 4 }] })
    socket.close()
  })

  test('[G6] what belongs is listed', async () => {
    const list = async (query: string) => (await call(`/v1/streams/${stream}/objects?${query}`)).json<{ objects: unknown[] }>()
    const { objects, ...rest } = await list('project=p1')
    expect(rest).toMatchObject({ latestSeq: expect.any(Number), epoch: expect.any(String) })
    expect(objects.toSorted()).toEqual([
      ['tasks', 'a'],
      ['tasks', 'b'],
    ])
    expect((await list('filter={"project":"7"}')).objects).toEqual([['notes', 'a']])
    for (const [query, code] of [
      ['', 'bad-query'],
      ['collection=tasks', 'bad-query'],
      ['nothing=1', 'bad-query'],
      ['project=p1&seq=0-4', 'bad-query'],
      ['project=p1&epoch=other', 'wrong-epoch'],
    ] as const) {
      expect(await list(query), query).toMatchObject({ code })
    }
  })

  test('[G7] what a client made comes beside what is wanted, and says so', async () => {
    const own = 'filters-own'
    await declare(own, 'project', { pointer: '/project' })
    const socket = await LiveSocket.open(own, { query: '?project=p1&client=c1' })
    await socket.next()
    const drafts = ['p1', 'p2'].map((project, index) => ({ ...task(project, { project }), counter: index + 1, seen: -1 }))
    socket.send({ type: 'publish', ref: 1, client: 'c1', drafts })
    expect(await socket.next()).toMatchObject({ covers: [[0, 1]], events: [{ seq: 0 }, { seq: 1 }], own: [[1, 1]] })
    socket.close()
    expect(await read(own, 'project=p1&own=c1')).toMatchObject({ covers: [[0, 1]], events: [{ seq: 0 }, { seq: 1 }], own: [[1, 1]] })
    expect(await read(own, 'project=p1')).not.toHaveProperty('own')
    for (const query of ['own=c1', 'project=p1&own=c1&fold=true', 'project=p1&own=c%201']) {
      expect(await problem(`/v1/streams/${own}/events?${query}`), query).toMatchObject({ code: 'bad-query', at: 'own' })
    }
  })

  test('[L4][H12] a fetch may be folded', async () => {
    const socket = await LiveSocket.open(stream)
    await socket.next()
    socket.send({ type: 'fetch', ref: 1, seq: [[0, 4]], fold: true })
    expect(await socket.next()).toMatchObject({ ref: 1, covers: [[0, 4]], events: [{ seq: 0 }, { seq: 1 }, { seq: 4 }] })
    socket.send({ type: 'fetch', ref: 2, seq: [[0, 4]], fold: 'yes' })
    expect(await socket.next()).toMatchObject({ type: 'refused', ref: 2, code: 'invalid', at: 'fold' })
    socket.close()
  })

  test('[G4] an index is declared once, by an administrator, and never changes', async () => {
    expect(await declare(stream, 'project', { pointer: '/project' })).toMatchObject({
      indexes: [
        { name: 'project', pointer: '/project' },
        { name: 'city', pointer: '/address/city' },
      ],
    })
    expect(await declare(stream, 'project', { pointer: '/other' })).toMatchObject({ code: 'index-exists' })
    expect(await declare(stream, 'other', { pointer: '/other' }, 'publish')).toMatchObject({ code: 'forbidden' })
    for (const [name, body, code] of [
      ['seq', { pointer: '/a' }, 'invalid'],
      ['Project', { pointer: '/a' }, 'invalid'],
      ['token', { pointer: '/a' }, 'invalid'],
      ['x'.repeat(65), { pointer: '/a' }, 'invalid'],
      ['fine', {}, 'invalid'],
      ['fine', { pointer: '' }, 'invalid'],
      ['fine', { pointer: 'a' }, 'invalid'],
      ['fine', { pointer: '/~2' }, 'invalid'],
      ['fine', { pointer: `/${'x'.repeat(300)}` }, 'invalid'],
      ['fine', { pointer: '/a', more: 1 }, 'invalid'],
    ] as const) {
      expect(await declare(stream, name, body), `${name} ${JSON.stringify(body)}`).toMatchObject({ code })
    }
    for (const [name, code] of [
      ['%zz', 'not-found'],
      ['%E0%A4', 'not-found'],
      ['BAD', 'invalid'],
    ] as const) {
      expect(await declare('filters-none', name, { pointer: '/a' }), name).toMatchObject({ code })
    }
    expect(await declare('filters-none', 'fine', { pointer: 'a' })).toMatchObject({ code: 'invalid' })
    expect(await rowCounts('filters-none')).toEqual({})
    for (let i = 0; i < 14; i++) await declare('filters-many', `index-${i}`, { pointer: '/__proto__/constructor' })
    for (let i = 14; i < 16; i++) expect(await declare('filters-many', `index-${i}`, { pointer: '/a~1b/~0' })).toHaveProperty('indexes')
    expect(await declare('filters-many', 'one-more', { pointer: '/a' })).toMatchObject({ code: 'too-many' })
  })

  test('[G1][H3] what no filter can be is refused', async () => {
    const values = (count: number) => Array.from({ length: count }, (_, i) => `identifier=i${i}`).join('&')
    for (const [query, code] of [
      ['nothing=1', 'bad-query'],
      ['Project=1', 'bad-query'],
      [`identifier=${'x'.repeat(201)}`, 'bad-query'],
      [values(101), 'too-many'],
      [values(2000), 'too-many'],
      [Array.from({ length: 99 }, (_, i) => `identifier=${'x'.repeat(150)}${i}`).join('&'), 'too-large'],
      ['project=p1&wait=5', 'bad-query'],
      ['token=x', 'token-in-url'],
      ['filter=x', 'malformed-json'],
      ['filter=null', 'invalid'],
      ['filter={"constructor":"x"}', 'bad-query'],
      ['filter={"__proto__":"x"}', 'bad-query'],
      ['except={"constructor":"x"}', 'bad-query'],
      ['filter=[]', 'invalid'],
      ['filter={"project":[]}', 'invalid'],
      ['filter={"project":7}', 'invalid'],
      ['filter={"nothing":"x"}', 'bad-query'],
      ['filter={"project":"p1"}&project=p2', 'bad-query'],
      ['except={"nothing":"x"}', 'bad-query'],
      [Array.from({ length: 101 }, () => 'except={}').join('&'), 'too-many'],
      [`filter={"project":"${'x'.repeat(201)}"}`, 'bad-query'],
    ] as const) {
      expect(await problem(`/v1/streams/${stream}/events?${query}`), query.slice(0, 40)).toMatchObject({ code })
    }
    const sse = await call(`/v1/streams/${stream}/events?project=p1`, { headers: { Accept: 'text/event-stream' } })
    expect(await sse.json()).toMatchObject({ code: 'bad-query' })
    const live = await call(`/v1/streams/${stream}/live?nothing=1`, {
      headers: { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'tapeline.v1' },
    })
    expect(await live.json()).toMatchObject({ code: 'bad-query', at: 'nothing' })
    expect((await read(stream, values(100))).covers).toEqual([[0, 8]])
  })
})

test('[G3][L9] a filter that a socket cannot keep is refused before there is one, and what it can keep it does', async () => {
  const stream = 'filters-long'
  await publishAll(stream, [task('a', {})])
  const query = (length: number) => {
    const identifier = Array.from({ length: 100 }, (_, i) => `${i}–`.padEnd(length, 'a'))
    return `?filter=${encodeURIComponent(JSON.stringify({ identifier: ['a', ...identifier.slice(1)] }))}`
  }
  const headers = { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'tapeline.v1' }
  const refused = await call(`/v1/streams/${stream}/live${query(80)}`, { headers })
  expect([refused.status, await refused.json()]).toMatchObject([413, { code: 'too-large', at: 'filter' }])
  await untilSockets(stream, 0)
  const socket = await LiveSocket.open(stream, { query: query(75) })
  expect(await socket.next()).toMatchObject({ type: 'welcome' })
  await evictDurableObject(stubOf(stream))
  socket.send({ type: 'publish', ref: 1, client: 'c'.repeat(64), drafts: [{ ...task('a', {}), counter: 1, seen: 0 }] })
  expect(await socket.next()).toMatchObject({ type: 'slice', events: [{ seq: 1, identifier: 'a' }] })
})

test('[G4] the past of a sealed tape is looked through in the background', async () => {
  const stream = 'filters-past'
  for (let batch = 0; batch < 12; batch++) {
    await publishAll(
      stream,
      Array.from({ length: 500 }, (_, i) =>
        task(`t${i}`, { project: `p${i % 100}`, text: 'x'.repeat(50), batch }, batch === 0 ? 'insert' : 'update'),
      ),
    )
  }
  await untilSealed(stream, 2000)
  await declare(stream, 'project', { pointer: '/project' })
  const answer = () => call(`/v1/streams/${stream}/events?project=p7&fold=true`)
  let filtered = await answer()
  for (; filtered.status === 503; filtered = await answer()) {
    expect(await filtered.json()).toMatchObject({ code: 'index-building' })
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  const { covers, events } = decodeSlice(await filtered.text(), true)
  expect(covers).toEqual([[0, 5999]])
  expect(events.map(({ identifier }) => identifier).sort()).toEqual(['t107', 't207', 't307', 't407', 't7'])
  expect(await rowCounts(stream)).toMatchObject({ attribute: 1, member: 500 })
})
