/** Who made an event, as something one can tell apart at a glance: a colour, a pattern and a short tag. */

export interface Maker {
  readonly tag: string
  /** 0 to 7, see the style sheet. */
  readonly colour: number
  /** 0 to 3, see the style sheet: makers differ in more than colour. */
  readonly pattern: number
}

const script: Maker = { tag: 'api', colour: 8, pattern: 0 }

/** The same in every window. Without a client it was a script that published. */
export function makerOf(client: string | undefined): Maker {
  if (client === undefined) return script
  const hash = hashOf(client)
  return {
    tag: client
      .replace(/[^A-Za-z0-9]/g, '')
      .slice(0, 3)
      .toLowerCase(),
    colour: hash % 8,
    pattern: (hash >>> 3) % 4,
  }
}

/** FNV-1a: short, and spreads ids that differ in little. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return (hash ^ (hash >>> 15)) >>> 0
}
