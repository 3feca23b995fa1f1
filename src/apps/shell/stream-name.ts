/** Which stream a page opens: `?stream=demo.anything`, or the page's own. Guests may only open streams named demo.* */

const demoName = /^demo\.[A-Za-z0-9._:-]{1,195}$/

/** The name that the address asks for, as it is written there. */
export function readStreamName(search: string, fallback: string): string {
  return new URLSearchParams(search).get('stream') ?? fallback
}

export function isDemoName(name: string): boolean {
  return demoName.test(name)
}

/** The page's address with stream and device spelled out, so that it means the same wherever it is opened. */
export function addressOf(page: URL, name: string, device?: string): string {
  const address = new URL(page.pathname, page)
  address.searchParams.set('stream', name)
  if (device !== undefined) address.searchParams.set('device', device)
  return address.href
}
