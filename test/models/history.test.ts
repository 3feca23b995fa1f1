import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import type { ApplyContext, OutboundEventReceiver } from '../../src/client/reconciler.ts'
import { Collection, History, Models, StampedObjects, type UndoableModel } from '../../src/models/index.ts'
import type { Draft, EventType, ObjectState, TapeEvent, Values } from '../../src/protocol/index.ts'
import { settle, TestDevice } from '../support/test-device.ts'

const collection = 'things'

class Things implements UndoableModel {
  receiver: OutboundEventReceiver | undefined
  readonly collections = [collection]
  readonly objects = new StampedObjects(collection)

  do(type: EventType, identifier: string, values?: Values): void {
    this.receiver?.didCreateDraft({ type, collection, identifier, ...(values === undefined ? {} : { values }) })
  }

  stateOf({ identifier }: { readonly identifier: string }): ObjectState {
    return this.objects.state(identifier)
  }

  apply(events: readonly TapeEvent[], pending: readonly Draft[], context: ApplyContext): void {
    this.objects.apply(events, pending, context)
  }

  reset(): void {
    this.objects.reset()
  }

  values(identifier: string): Values | undefined {
    return this.objects.get(identifier)?.values
  }
}

function device(client: string, tape: TapeEvent[]) {
  const things = new Things()
  const history = new History(things)
  return { things, history, device: new TestDevice({ client, tape, model: history }) }
}

/** Two devices that know of one thing, which the first has made. */
function pair() {
  const tape: TapeEvent[] = []
  const [a, b] = [device('a', tape), device('b', tape)]
  a.things.do('insert', 'x', { title: 'Milk', label: 'red' })
  settle(a.device, b.device)
  return { a, b, settle: () => settle(a.device, b.device) }
}

describe('undo and redo', () => {
  test('[U1] set back an update, a deletion and an insert, and make them again', () => {
    const { a, b, settle: end } = pair()
    a.things.do('update', 'x', { title: 'Oat milk' })
    a.things.do('delete', 'x')
    end()
    expect(a.history.undo()).toEqual({ undone: 1, partly: 0, left: 0 })
    expect(a.things.values('x')).toEqual({ title: 'Oat milk', label: 'red' })
    a.history.undo()
    end()
    expect(b.things.values('x')).toEqual({ title: 'Milk', label: 'red' })
    a.history.undo()
    expect([a.things.values('x'), a.history.canUndo, a.history.undo()]).toEqual([undefined, false, undefined])
    for (let step = 0; step < 2; step++) a.history.redo()
    end()
    expect(b.things.values('x')).toEqual({ title: 'Oat milk', label: 'red' })
    a.history.redo()
    expect([a.things.values('x'), a.history.canRedo, a.history.redo()]).toEqual([undefined, false, undefined])
  })

  test('[U2] leave alone what others have written since, and say so', () => {
    const { a, b, settle: end } = pair()
    a.things.do('update', 'x', { title: 'Oat milk', label: 'blue' })
    end()
    b.things.do('update', 'x', { title: 'Soy milk' })
    end()
    expect(a.history.undo()).toEqual({ undone: 0, partly: 1, left: 0 })
    end()
    expect(b.things.values('x')).toEqual({ title: 'Soy milk', label: 'red' })
    // The insert is not taken back either: somebody has written to the object.
    expect(a.history.undo()).toEqual({ undone: 0, partly: 0, left: 1 })
    end()
    expect(b.things.values('x')).toEqual({ title: 'Soy milk', label: 'red' })
  })

  test('[U2] leave alone what others wrote themselves, even to the same value', () => {
    const { a, b, settle: end } = pair()
    a.things.do('update', 'x', { title: 'Oat milk' })
    end()
    b.things.do('update', 'x', { title: 'Oat milk' })
    end()
    expect(a.history.undo()).toEqual({ undone: 0, partly: 0, left: 1 })
    expect(a.things.values('x')?.title).toBe('Oat milk')
  })

  test('[U2] do not replace what others brought back, or remove what they deleted', () => {
    const { a, b, settle: end } = pair()
    a.things.do('delete', 'x')
    end()
    b.things.do('insert', 'x', { title: 'Soy milk' })
    end()
    expect(a.history.undo()).toEqual({ undone: 0, partly: 0, left: 1 })
    b.things.do('delete', 'x')
    end()
    expect(a.history.undo()).toEqual({ undone: 0, partly: 0, left: 1 })
    expect(b.things.values('x')).toBeUndefined()
  })

  test('[U1] set back in one step what was done together', () => {
    const { a } = pair()
    a.history.group(() => {
      a.things.do('insert', 'y', { title: 'Bread' })
      a.things.do('update', 'y', { title: 'Rye bread' })
      a.history.group(() => a.things.do('delete', 'x'))
    })
    expect(a.history.undo()).toEqual({ undone: 3, partly: 0, left: 0 })
    expect([a.things.values('x'), a.things.values('y')]).toEqual([{ title: 'Milk', label: 'red' }, undefined])
    a.history.redo()
    expect([a.things.values('x'), a.things.values('y')]).toEqual([undefined, { title: 'Rye bread' }])
  })

  test('[U1] forget what was undone as soon as something else is done, and all that is too old', () => {
    const { a } = pair()
    a.things.do('update', 'x', { title: 'Oat milk' })
    a.history.undo()
    a.things.do('update', 'x', { label: 'blue' })
    expect(a.history.canRedo).toBe(false)
    for (let n = 0; n < 150; n++) a.things.do('update', 'x', { title: `Milk ${n}` })
    let steps = 0
    while (a.history.undo() !== undefined) steps++
    expect([steps, a.things.values('x')?.title]).toEqual([100, 'Milk 49'])
  })

  test('[U1] a draft that was refused is undone already', () => {
    const { a } = pair()
    a.things.do('update', 'x', { title: 'Oat milk' })
    a.device.refuse()
    expect(a.history.undo()).toEqual({ undone: 0, partly: 0, left: 1 })
    expect(a.things.values('x')?.title).toBe('Milk')
  })

  test('[U1] a field that was not there before becomes null', () => {
    const { a } = pair()
    a.things.do('update', 'x', { toString: 1, note: 'new' })
    a.history.undo()
    expect(a.things.values('x')).toEqual({ title: 'Milk', label: 'red', toString: null, note: null })
  })

  test('[U2] do not write what the schema does not accept, and say that it was left', () => {
    const tasks = new Collection('tasks', { schema: v.object({ title: v.string(), note: v.optional(v.string()) }) })
    const history = new History(new Models([tasks]))
    const rig = new TestDevice({ client: 'a', tape: [], model: history })
    const milk = tasks.insert({ title: 'Milk' })
    tasks.update(milk, { note: 'Two' })
    expect(history.undo()).toEqual({ undone: 0, partly: 0, left: 1 })
    settle(rig)
    expect(tasks.get(milk)?.values).toEqual({ title: 'Milk', note: 'Two' })
  })

  test('[U1] a group is what is done at once', async () => {
    const { a } = pair()
    expect(() => a.history.group(async () => a.things.do('update', 'x', { title: 'Oat milk' }))).toThrow('at once')
    expect(a.history.group(() => 'what it gives')).toBe('what it gives')
  })

  test('[U1] what cannot be published is no step, and listeners are told when there is one', () => {
    const { a } = pair()
    const told: boolean[] = []
    const stop = a.history.subscribe(() => told.push(a.history.canUndo))
    a.history.receiver = {
      didCreateDraft: () => {
        throw new Error('No.')
      },
    }
    expect(() => a.things.do('update', 'x', { title: 'Oat milk' })).toThrow('No.')
    a.history.receiver = undefined
    expect(() => a.things.do('update', 'x', { title: 'Oat milk' })).toThrow('stream.attach(history)')
    expect(told).toEqual([])
    a.history.receiver = a.device
    a.things.do('update', 'x', { title: 'Oat milk' })
    stop()
    a.history.undo()
    expect(told).toEqual([true])
    a.history.reset()
    expect([a.history.canUndo, a.history.canRedo]).toEqual([false, false])
  })

  test('[U1] all steps back give what was, and all steps forth what is, as long as nobody else writes', () => {
    const change = fc.record({
      type: fc.constantFrom<EventType>('insert', 'update', 'delete'),
      identifier: fc.constantFrom('x', 'y'),
      values: fc.dictionary(fc.constantFrom('title', 'constructor'), fc.nat(3), { minKeys: 1, maxKeys: 2 }),
    })
    const property = fc.property(fc.array(change, { maxLength: 20 }), fc.nat(20), (changes, sent) => {
      const a = device('a', [])
      // Objects that are not there are not updated, and those that are deleted are not deleted again.
      for (const { type, identifier, values } of changes) {
        const isAlive = a.things.values(identifier) !== undefined
        const whole = { title: 0, constructor: 0, ...values }
        if (type === 'insert' && !isAlive) a.things.do(type, identifier, whole)
        else if (type === 'update' && isAlive) a.things.do(type, identifier, values)
        else if (type === 'delete' && isAlive) a.things.do(type, identifier)
      }
      for (let n = 0; n < sent; n++) a.device.send()
      a.device.hear()
      const after = a.things.objects.list.map(({ identifier, values }) => [identifier, values])
      while (a.history.canUndo) a.history.undo()
      expect(a.things.objects.list).toEqual([])
      while (a.history.canRedo) a.history.redo()
      settle(a.device)
      const again = a.things.objects.list.map(({ identifier, values }) => [identifier, values])
      expect(new Map(again as [string, Values][])).toEqual(new Map(after as [string, Values][]))
    })
    fc.assert(property, { seed: 1, numRuns: 1000 })
  })
})
