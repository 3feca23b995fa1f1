/** Kept by the reader alone, and only for the token that it came for; the Worker keeps its own copy. */
export function immutableHeaders(etag: string): Record<string, string> {
  return { 'Cache-Control': 'private, max-age=31536000, immutable', Vary: 'Authorization', ETag: etag }
}
