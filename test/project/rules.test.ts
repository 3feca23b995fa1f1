import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const protocol = readFileSync(`${root}/PROTOCOL.md`, 'utf8')
const rules = [...protocol.matchAll(/^- \*\*\[([A-Z]\d+)\]\*\*/gm)].map(([, rule]) => rule as string)

/** The rules that the titles of tests begin with, and the files they stand in. */
function rulesOfTitles(): Map<string, string> {
  const named = new Map<string, string>()
  for (const file of globSync('test/**/*.ts', { cwd: root })) {
    for (const [, tags] of readFileSync(`${root}/${file}`, 'utf8').matchAll(/['"`]((?:\[[A-Z]\d+\] ?)+)[^'"`]/g)) {
      for (const [, rule] of (tags as string).matchAll(/\[([A-Z]\d+)\]/g)) named.set(rule as string, file)
    }
  }
  return named
}

test('the rules of PROTOCOL.md have numbers of their own', () => {
  expect(rules.length).toBeGreaterThan(50)
  expect(new Set(rules).size).toBe(rules.length)
})

test('every rule has a test, and no test names a rule that is not there', () => {
  const named = rulesOfTitles()
  expect(
    rules.filter((rule) => !named.has(rule)),
    'rules without a test',
  ).toEqual([])
  expect(
    [...named].filter(([rule]) => !rules.includes(rule)),
    'tests of no rule',
  ).toEqual([])
})
