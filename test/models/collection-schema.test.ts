import type { StandardSchemaV1 } from '@standard-schema/spec'
import * as v from 'valibot'
import { describe, expect, expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import { Collection, type CollectionOptions, type Problem, SchemaError } from '../../src/models/index.ts'
import { Refusal, type Values } from '../../src/protocol/index.ts'
import { collection, eventOf, ModelRig } from './model-rig.ts'

const valibotTask = v.object({
  title: v.pipe(v.string(), v.minLength(1)),
  done: v.optional(v.boolean(), false),
  due: v.optional(
    v.pipe(
      v.string(),
      v.isoDate(),
      v.transform((text) => text.split('-').map(Number)),
    ),
  ),
})
const zodTask = z.object({
  title: z.string().min(1),
  done: z.boolean().default(false),
  due: z.iso
    .date()
    .transform((text) => text.split('-').map(Number))
    .optional(),
})

describe.each([
  ['valibot', valibotTask],
  ['zod', zodTask],
] as const)('a schema by %s', (_library, schema) => {
  function rigOf() {
    const problems: Problem[] = []
    const tasks = new Collection(collection, { schema: schema as typeof valibotTask, onProblem: (problem) => problems.push(problem) })
    return { rig: new ModelRig(tasks), tasks, problems }
  }

  test('[M3] what it gives is shown; what it is given is what travels', () => {
    const { rig, tasks } = rigOf()
    const identifier = tasks.insert({ title: 'Buy milk', due: '2026-11-23' })
    expect(tasks.get(identifier)?.values).toEqual({ title: 'Buy milk', done: false, due: [2026, 11, 23] })
    expect(rig.vended[0]?.values).toEqual({ title: 'Buy milk', due: '2026-11-23' })
    tasks.update(identifier, { due: '2026-12-24' })
    expect(tasks.get(identifier)?.values.due).toEqual([2026, 12, 24])
    expect(rig.vended[1]?.values).toEqual({ due: '2026-12-24' })
  })

  test('[M3] a change that it does not accept throws where it is made, and nothing has happened', () => {
    const { rig, tasks, problems } = rigOf()
    const identifier = tasks.insert({ title: 'Buy milk' })
    const list = tasks.list
    expect(() => tasks.insert({ title: '' })).toThrow(SchemaError)
    expect(() => tasks.update(identifier, { title: '' })).toThrow(SchemaError)
    // @ts-expect-error A number is not a title.
    expect(() => tasks.update(identifier, { title: 7 })).toThrow(/^title: /)
    let issues: readonly StandardSchemaV1.Issue[] = []
    try {
      tasks.insert({ title: '' })
    } catch (error) {
      if (error instanceof SchemaError) issues = error.issues
    }
    expect(issues).toHaveLength(1)
    expect([tasks.list, rig.vended.length, problems]).toEqual([list, 1, []])
    expect(tasks.list).toBe(list)
  })

  test('[M3] a record that it does not accept is quarantined and reported once, until a later write mends it', () => {
    const { rig, tasks, problems } = rigOf()
    rig.receive('insert', 'a', { title: 'Good' })
    rig.receive('update', 'a', { title: 7 })
    expect([tasks.list, tasks.size, tasks.has('a')]).toEqual([[], 0, false])
    expect(tasks.quarantined).toMatchObject([{ identifier: 'a', values: { title: 7 }, seq: 1, problem: expect.stringMatching(/^title: /) }])
    const quarantined = tasks.quarantined
    rig.apply([])
    rig.apply([eventOf(1, 'update', 'a', { title: 7 })])
    expect(tasks.quarantined).toBe(quarantined)
    expect(problems).toEqual([{ type: 'record', quarantined: quarantined[0] }])
    rig.receive('update', 'a', { title: 'Good again' })
    expect(tasks.quarantined).toEqual([])
    expect(tasks.get('a')?.values.title).toBe('Good again')
    expect(problems).toHaveLength(1)
  })

  test('[M3] one in quarantine can be mended, replaced and removed from here', () => {
    const { rig, tasks } = rigOf()
    for (const identifier of ['a', 'b', 'c']) rig.receive('insert', identifier, { title: 7, done: 7 })
    expect(tasks.quarantined).toHaveLength(3)
    expect(() => tasks.update('a', { title: 'Half mended' })).toThrow(SchemaError)
    expect(tasks.update('a', { title: 'Mended', done: true })).toBe(true)
    expect(tasks.insert({ title: 'Another' }, { identifier: 'b' })).toBe('b')
    expect(tasks.remove('c')).toBe(true)
    expect(tasks.list.map(({ values }) => values.title)).toEqual(['Mended', 'Another'])
    expect(tasks.quarantined).toEqual([])
  })

  test('[M3] its types are those of the records', () => {
    const { tasks } = rigOf()
    expectTypeOf(tasks.list[0]).toEqualTypeOf<
      | {
          readonly identifier: string
          readonly values: { title: string; done: boolean; due?: number[] | undefined }
          readonly isPending: boolean
        }
      | undefined
    >()
    // @ts-expect-error The title is missing.
    expect(() => tasks.insert({ done: true })).toThrow(SchemaError)
    // @ts-expect-error There is no such field.
    tasks.update('a', { color: 'red' })
    expectTypeOf(new Collection(collection).list[0]?.values).toEqualTypeOf<Values | undefined>()
  })

  test('[M3] what no tape would take is refused after it, and nothing has happened', () => {
    const { rig, tasks } = rigOf()
    expect(() => tasks.insert({ title: '\ud800' })).toThrow(Refusal)
    expect([tasks.list, rig.vended]).toEqual([[], []])
  })
})

describe('a hostile schema', () => {
  function schemaOf(validate: (value: unknown) => unknown): StandardSchemaV1<Values, Values> {
    return { '~standard': { version: 1, vendor: 'test', validate: validate as StandardSchemaV1<Values, Values>['~standard']['validate'] } }
  }
  function rigOf(validate: (value: unknown) => unknown, options: CollectionOptions = {}) {
    return new ModelRig(new Collection(collection, { ...options, schema: schemaOf(validate) }))
  }

  test.each([
    [
      'throws',
      () => {
        throw new Error('Not ours.')
      },
      'Not ours.',
    ],
    [
      'throws what is no error',
      () => {
        throw 'a text'
      },
      'a text',
    ],
    ['gives a promise', () => Promise.resolve({ value: {} }), 'promise'],
    ['gives a promise that fails', () => Promise.reject(new Error('Late.')), 'promise'],
    ['gives nothing', () => undefined, 'threw'],
    ['gives strange issues', () => ({ issues: [{ message: 'Odd.', path: [Symbol('x'), { key: 3 }] }] }), 'Symbol(x).3: Odd.'],
    ['gives many issues', () => ({ issues: Array.from({ length: 9 }, () => ({ message: 'No.' })) }), 'and 4 more'],
  ])('[M3] that %s makes a problem, not a crash', (_what, validate, problem) => {
    const rig = rigOf(validate)
    rig.receive('insert', 'a', { n: 1 })
    expect(rig.model.list).toEqual([])
    expect(rig.model.quarantined[0]?.problem).toContain(problem)
    expect(() => rig.model.insert({ n: 1 })).toThrow(SchemaError)
    expect(rig.vended).toEqual([])
  })

  test('[M3] cannot change what stands', () => {
    const rig = rigOf((value) => {
      Object.assign(value as object, { n: 'changed', more: true })
      return { value }
    })
    rig.receive('insert', 'a', { n: 1 })
    expect(rig.model.get('a')?.values).toEqual({ n: 'changed', more: true })
    expect(rig.model.stateOf({ identifier: 'a' }).values).toEqual({ n: 1 })
  })

  test('[M3] may give anything: plain objects are frozen, others are left as they are', () => {
    const rig = rigOf((value) => ({ value: new Map(Object.entries(value as object)) }))
    rig.receive('insert', 'a', { n: 1 })
    expect(rig.model.get('a')?.values).toEqual(new Map([['n', 1]]))
    expect(Object.isFrozen(rig.model.get('a'))).toBe(true)
  })

  test('[M3] a pending draft may be poisonous for another version, and is no event', () => {
    const rig = rigOf((value) => ((value as Values).n === 2 ? { issues: [{ message: 'Two.' }] } : { value }))
    rig.receive('insert', 'a', { n: 1 })
    rig.pending = [{ type: 'update', collection, identifier: 'a', seen: 0, values: { n: 2 } }]
    rig.apply([])
    expect(rig.model.quarantined).toMatchObject([{ identifier: 'a', seq: undefined, problem: 'Two.' }])
    rig.refuse()
    expect(rig.model.get('a')?.values).toEqual({ n: 1 })
  })

  test('[M3] stamps are kept in quarantine: what came before does not come back', () => {
    const rig = rigOf((value) => ((value as Values).n === 'bad' ? { issues: [{ message: 'Bad.' }] } : { value }))
    rig.apply([eventOf(0, 'insert', 'a', { n: 1 }), eventOf(5, 'update', 'a', { n: 'bad' })])
    rig.apply([eventOf(3, 'update', 'a', { n: 3 })])
    expect(rig.model.list).toEqual([])
    rig.apply([eventOf(6, 'delete', 'a')])
    expect(rig.model.quarantined).toEqual([])
  })
})
