import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { SchemaError } from '../../src/models/collection/schema-error.ts'
import { type Problem, type Quarantined, Value, type ValueOptions } from '../../src/models/index.ts'
import type { Change, Draft, EventType, Json, TapeEvent, Values } from '../../src/protocol/index.ts'
import { anyDelivery, deliver } from './delivery.ts'

function event(seq: number, values: Values, more: Partial<TapeEvent> = {}): TapeEvent {
  return { seq, seen: seq - 1, type: 'insert', collection: 'lights', identifier: 'value', values, ...more }
}

function draft(values: Values): Draft {
  return { type: 'insert', collection: 'lights', identifier: 'value', seen: -1, values }
}

function quarantinedIn(problem: Problem): Partial<Quarantined> {
  if (problem.type !== 'record') throw problem.error
  const { identifier, values, problem: text } = problem.quarantined
  return { identifier, values, problem: text }
}

function testValue<T>(options: ValueOptions<T>) {
  const problems: Partial<Quarantined>[] = []
  const value = new Value<T>('lights', { onProblem: (problem) => problems.push(quarantinedIn(problem)), ...options })
  const vended: Change[] = []
  value.receiver = { didCreateDraft: (change) => vended.push(change) }
  let told = 0
  const unsubscribe = value.subscribe(() => told++)
  return { value, problems, vended, unsubscribe, told: () => told }
}

describe('a value', () => {
  test('[M7] is what was set last, travels whole, and is the initial one while nobody has set it', () => {
    const { value, vended } = testValue({ initial: false })
    expect([value.value, value.isPending, value.collections]).toEqual([false, false, ['lights']])
    value.set(true)
    expect(vended).toEqual([{ type: 'insert', collection: 'lights', identifier: 'value', values: { value: true } }])
    value.apply([], [draft({ value: true })])
    expect([value.value, value.isPending]).toEqual([true, true])
    value.apply([event(0, { value: true })], [])
    expect([value.value, value.isPending]).toEqual([true, false])
    value.apply([event(1, {}, { type: 'delete' })], [])
    expect(value.value).toBe(false)
  })

  test('[M7] has the identifier and the field that it is given', () => {
    const { value, vended } = testValue({ identifier: 'lamp', field: 'on', initial: false })
    value.set(true)
    expect(vended[0]).toMatchObject({ identifier: 'lamp', values: { on: true } })
    value.apply([event(3, { on: true }, { identifier: 'lamp' }), event(4, { on: false }, { identifier: 'other' })], [])
    expect(value.value).toBe(true)
  })

  test('[M7] in any order and any pieces, repeated, folded or not, and with what is pending on top, is the last one', () => {
    const anyValues = fc.oneof(fc.boolean(), fc.constant('malformed')).map((on): Values => ({ value: on }))
    const anyEvent = fc.record({ type: fc.constantFrom<EventType>('insert', 'insert', 'update', 'delete'), values: anyValues })
    const property = fc.property(fc.array(anyEvent, { maxLength: 12 }), fc.option(fc.boolean()), anyDelivery, (changes, own, next) => {
      const events = changes.map(({ type, values }, seq) => event(seq, type === 'delete' ? {} : values, { type }))
      let expected: Json | undefined
      let isThere = false
      for (const { type, values } of events) {
        isThere = type === 'insert' || (isThere && type === 'update')
        expected = isThere ? values?.value : undefined
      }
      const { value } = testValue({ initial: false })
      deliver(value, events, next, own === null ? [] : [draft({ value: own })])
      expect(value.value).toBe(own ?? expected === true)
      expect(value.isPending).toBe(own !== null)
      value.apply([], [])
      expect(value.value).toBe(expected === true)
    })
    fc.assert(property, { seed: 1, numRuns: 1000 })
  })

  test('[M7] that is malformed on the tape shows as the initial one and is reported, until somebody sets it anew', () => {
    const { value, problems } = testValue({ initial: 'off' })
    value.apply([event(0, { value: 'on' }), event(1, { value: 17 })], [])
    expect(value.value).toBe('off')
    expect(problems).toEqual([{ identifier: 'value', values: { value: 17 }, problem: 'Expected a string, received a number.' }])
    value.apply([event(2, { value: 'dim' })], [])
    expect([value.value, problems.length]).toEqual(['dim', 1])
    value.apply([event(3, { other: 'x' })], [])
    expect([value.value, problems.length]).toEqual(['off', 2])
  })

  test.each([
    ['a boolean', false, 0],
    ['a number', 0, '0'],
    ['a list', [], {}],
    ['an object', {}, []],
    ['an object, too', {}, null],
  ] as const)('[M7] without a schema is of the same JSON type as the initial one: %s', (_name, initial, malformed) => {
    const { value, problems } = testValue<Json>({ initial })
    value.apply([event(0, { value: malformed })], [])
    expect(value.value).toEqual(initial)
    expect(problems).toHaveLength(1)
    expect(() => value.set(malformed)).toThrow(SchemaError)
  })

  test('[M7] with a schema is what that accepts; what is set is checked where it is set, and nothing has happened', () => {
    const schema = v.picklist(['off', 'dim', 'bright'])
    const { value, problems, vended } = testValue<v.InferOutput<typeof schema>>({ initial: 'off', schema })
    value.apply([event(0, { value: 'dim' })], [])
    expect(value.value).toBe('dim')
    value.apply([event(1, { value: 'blue' })], [])
    expect([value.value, problems.length]).toEqual(['off', 1])
    expect(() => value.set('blue' as 'dim')).toThrow(SchemaError)
    expect(vended).toEqual([])
    expect(() => new Value<string>('lights', { initial: 'blue', schema: schema as never })).toThrow(SchemaError)
  })

  test('[M7] survives a schema that throws, or does not answer at once', () => {
    let mode: 'accept' | 'throw' | 'promise' = 'accept'
    const validate = (value: unknown) => {
      if (mode === 'throw') throw new Error('poison')
      return mode === 'promise' ? Promise.resolve({ value: value as string }) : { value: value as string }
    }
    const schema = { '~standard': { version: 1, vendor: 'test', validate } } as const
    const { value, problems } = testValue<string>({ initial: 'off', schema })
    mode = 'throw'
    value.apply([event(0, { value: 'x' })], [])
    mode = 'promise'
    value.apply([event(1, { value: 'y' })], [])
    expect(value.value).toBe('off')
    expect(problems.map(({ problem }) => problem)).toEqual([
      'The schema threw: poison',
      'The schema gave a promise, and has to answer at once.',
    ])
  })

  test('[M7] stays the same value while it is the same, and listeners are told once a run, of changes alone', () => {
    const { value, told, unsubscribe } = testValue<Json>({ initial: null })
    value.apply([], [draft({ value: { a: [1] } })])
    const shown = value.value
    value.apply([event(0, { value: { a: [1] } })], [])
    expect(value.value).toBe(shown)
    expect(told()).toBe(2)
    value.apply([event(1, { value: { a: [1] } }), event(1, { value: { a: [1] } })], [])
    value.apply([event(0, { value: { a: [1] } }), event(5, {}, { identifier: 'other' }), event(6, {}, { collection: 'others' })], [])
    expect(told()).toBe(2)
    value.apply([event(7, { value: 1 }), event(8, { value: 2 })], [])
    expect(told()).toBe(3)
    value.reset()
    expect([value.value, told()]).toEqual([null, 4])
    value.reset()
    unsubscribe()
    value.apply([event(0, { value: 3 })], [])
    expect(told()).toBe(4)
  })

  test('[M7] shows to every listener, whoever of them throws, and the stream hears of that', () => {
    const { value, told } = testValue({ initial: 0 })
    const failing = new Value('lights', { initial: 0 })
    const seen: number[] = []
    const fail = () => {
      throw new Error('mine')
    }
    for (const listener of [fail, () => seen.push(failing.value), fail]) failing.subscribe(listener)
    expect(() => failing.apply([event(0, { value: 5 })], [])).toThrow(AggregateError)
    expect(seen).toEqual([5])
    expect(() => value.apply([event(0, { value: 5 })], [])).not.toThrow()
    expect(told()).toBe(1)
  })

  test('[M7] that hangs on no stream says so when it is set', () => {
    expect(() => new Value('lights', { initial: 0 }).set(1)).toThrow(/Attach/)
  })
})
