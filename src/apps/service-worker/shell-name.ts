/** The name of a build's shell: its cache's, and that of the lock which each open page of that build holds. */

const prefix = 'tapeline-shell-'

export function shellName(version: string): string {
  return prefix + version
}

export function isShellName(name: string): boolean {
  return name.startsWith(prefix)
}
