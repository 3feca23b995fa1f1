import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { schemaRule } from '../../src/server/turn/schema-rule.ts'
import { CoreRig } from '../support/core.ts'
import { MemoryTape } from '../support/memory-tape.ts'
import { draft, plain, refused, submission, taken } from '../support/tape-state.ts'

const task = { type: 'insert', collection: 'tasks', identifier: 't' } as const

function rigOf(recent = 10): CoreRig<MemoryTape> {
  const validate = schemaRule({
    tasks: { schema: v.object({ title: v.string(), done: v.optional(v.boolean()) }) },
    notes: { schema: z.object({ text: z.string().max(5) }), version: 2 },
  })
  return new CoreRig(new MemoryTape(), 'epoch-1', { validate, recent })
}

describe('a rule made of schemas', () => {
  test('[X3] rejects what is no record, and says which field is wrong', () => {
    const rig = rigOf()
    const verdicts = rig.commit(
      submission('a', [draft(1, { ...task, values: { title: 1 } })]),
      submission('a', [draft(1, { ...task, values: { title: 'Milk' } })]),
      submission('b', [draft(1, { ...task, collection: 'notes', version: 2, values: { text: 'too long' } })]),
    )
    expect(verdicts.map(plain)).toEqual([
      refused('rejected', { reason: 'schema', detail: 'title: Invalid type: Expected string but received 1', counter: 1 }),
      taken(0, 0),
      refused('rejected', { reason: 'schema', detail: expect.stringMatching(/^text: /), counter: 1 }),
    ])
  })

  test('[X3] looks at an update with the rest of its record, if that is recent', () => {
    const rig = rigOf(2)
    const wrong = { ...task, type: 'update', values: { done: 'yes' } } as const
    rig.commit(submission('a', [draft(1, { ...task, values: { title: 'Milk' } })]))
    expect(rig.commit(submission('a', [draft(2, wrong)])).map(plain)).toMatchObject([{ type: 'refused' }])
    rig.commit(submission('a', [draft(2, { ...task, type: 'update', values: { done: true } })]))
    rig.commit(submission('a', [draft(3, { ...task, type: 'update', values: { title: 'Oat milk' } })]))
    expect(rig.commit(submission('a', [draft(4, wrong)])).map(plain)).toEqual([taken(3, 3)])
  })

  test('[X3] lets pass what is deleted, of other collections, or of another version', () => {
    const rig = rigOf()
    const verdicts = rig.commit(
      submission('a', [draft(1, { ...task, type: 'delete', values: undefined })]),
      submission('b', [draft(1, { ...task, collection: 'constructor', values: { title: 1 } })]),
      submission('c', [draft(1, { ...task, collection: 'notes', values: { text: 'too long' } })]),
    )
    expect(verdicts.map(plain)).toEqual([taken(0, 0), taken(1, 1), taken(2, 2)])
  })

  test('[X3] that takes its time is no rule', () => {
    const validate = schemaRule({ tasks: { schema: v.objectAsync({}) } })
    const rig = new CoreRig(new MemoryTape(), 'epoch-1', { validate })
    expect(rig.commit(submission('a', [draft(1, { ...task, values: {} })])).map(plain)).toEqual([refused('rule-failed', { counter: 1 })])
    expect(rig.reports).toHaveLength(1)
  })
})
