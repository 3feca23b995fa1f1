/** Problem documents, as every refusal over HTTP has to be one. */
import { expect } from 'vitest'

export interface Problem {
  readonly code: string
  readonly status: number
  readonly type: string
  readonly hint: string
}

/** Asserts a problem document with its code, and gives it. */
export async function expectProblem(answer: Response, code: string, status: number): Promise<Problem> {
  const problem = await answer.json<Problem>()
  expect(problem).toMatchObject({ type: `urn:tapeline:${code}`, status, code, title: expect.any(String), hint: expect.stringMatching(/./) })
  expect([answer.status, answer.headers.get('Content-Type'), answer.headers.get('Cache-Control')]).toEqual([
    status,
    'application/problem+json',
    'no-store',
  ])
  return problem
}
