import { runFilters } from '/work/main/test/simulation/filters.ts'
const start = Date.now(); let n = 0
for (let seed = Number(process.argv[2]); Date.now() - start < Number(process.argv[3]) * 1000; seed++) { n++; try { await runFilters({ seed, steps: 120 }) } catch (e) { console.log('SEED', seed, e instanceof Error ? e.message.slice(0, 400) : e) } }
console.log('done', n)
