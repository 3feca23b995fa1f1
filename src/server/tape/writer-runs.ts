/** Who wrote the rows that have become a segment: see `Marks`. */

/** From which seq on who did; 0 for rows of a time without marks. */
export type WriterRuns = readonly (readonly [from: number, writer: number])[]

export function runsOf(rows: Iterable<{ readonly first: number; readonly writer?: number | null | undefined }>): WriterRuns {
  const runs: [number, number][] = []
  for (const { first, writer } of rows) if ((runs.at(-1)?.[1] ?? -1) !== (writer ?? 0)) runs.push([first, writer ?? 0])
  return runs
}

export function writerIn(runs: WriterRuns, seq: number): number | undefined {
  return runs.findLast(([from]) => from <= seq)?.[1] || undefined
}

/** For a database: pairs of 32 bits, with seqs counted from the segment’s first. */
export function encodeRuns(runs: WriterRuns, first: number): ArrayBuffer {
  return new Uint32Array(runs.flatMap(([from, writer]) => [from - first, writer])).buffer
}

export function decodeRuns(bytes: ArrayBuffer): WriterRuns {
  const numbers = new Uint32Array(bytes)
  return Array.from({ length: numbers.length / 2 }, (_, index) => [numbers[2 * index] ?? 0, numbers[2 * index + 1] ?? 0])
}
