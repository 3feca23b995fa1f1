/** Bytes, and what they are for, in words. */

export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1e6) return `${(bytes / 1000).toFixed(1)} kB`
  return `${(bytes / 1e6).toFixed(1)} MB`
}

/** What a change took, against the file. */
export function ratioText(bytes: number, size: number): string {
  if (bytes === 0) return 'nothing: it has not changed'
  const times = size / bytes
  const cost = `${sizeText(bytes)} for a file of ${sizeText(size)}`
  if (times < 2) return cost
  return `${cost}: copying takes ${times < 10 ? times.toFixed(1) : Math.round(times).toLocaleString('en')} times as much`
}
