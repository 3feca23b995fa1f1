/** Refusals as answers: problem documents (RFC 9457) for HTTP, `refused` frames for the socket. */
import { codeTexts } from '../protocol/code-texts.ts'
import { type Code, codeFacts, type Refusal } from '../protocol/codes.ts'

/** The members that a refusal adds to its code, title and hint. */
function problemOf({ code, details }: Refusal): Record<string, unknown> & { readonly code: Code } {
  const { title, hint } = codeTexts(code)
  return { code, title, hint, ...details }
}

export function problemResponse(refusal: Refusal, headers: Record<string, string> = {}): Response {
  const { status, recovery } = codeFacts(refusal.code)
  return Response.json(
    { type: `urn:tapeline:${refusal.code}`, status, ...problemOf(refusal) },
    {
      status,
      headers: {
        'Content-Type': 'application/problem+json',
        'Cache-Control': 'no-store',
        ...(status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
        ...(recovery === 'retry' && status === 503 ? { 'Retry-After': '1' } : {}),
        ...headers,
      },
    },
  )
}

export function refusedFrame(refusal: Refusal, ref: number | undefined): string {
  return JSON.stringify({ type: 'refused', ref, ...problemOf(refusal) })
}
