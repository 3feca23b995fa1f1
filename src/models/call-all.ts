/**
 * Calls each, whatever the others do. What they throw is thrown on when all have been called, one error as it is,
 * several as one: whoever gave us something to call hears of its own trouble, and nobody else suffers from it.
 */
export function callAll(calls: Iterable<() => void>): void {
  const errors: unknown[] = []
  for (const call of calls) {
    try {
      call()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join('; '))
}
