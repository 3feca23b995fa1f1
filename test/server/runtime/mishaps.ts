/** What befalls the calls from one object to another, as a test says. */

/** Before the call or after it: what it throws the caller gets, and `abort` kills the object that is asked. */
export type Mishap = (call: string, when: 'before' | 'after', abort: () => void) => void | Promise<void>

let mishap: Mishap | undefined

/** Until it is called without one. */
export function letBefall(next?: Mishap): void {
  mishap = next
}

export async function befall<Answer>(context: DurableObjectState, call: string, run: () => Promise<Answer>): Promise<Answer> {
  await mishap?.(call, 'before', () => context.abort())
  const answer = await run()
  await mishap?.(call, 'after', () => context.abort())
  return answer
}
