import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { testOrigin, testSecret } from './test/support/secrets.ts'

/** Programs that tests start again and again are compiled once. */
const env = { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/node', import.meta.url)) }

/** `node` runs what is pure, `runtime` runs in workerd beside the real objects, `journey` drives a real browser. */
export default defineConfig({
  test: {
    // The simulation computes, the runtime and the browser wait: on a small machine both cores have work.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: 'node',
          env,
          include: ['test/**/*.test.ts'],
          exclude: ['test/server/runtime/**', 'test/journey/**'],
          // What computes takes several times as long on a machine that is busy.
          testTimeout: 60_000,
        },
      },
      {
        plugins: [
          cloudflareTest({
            main: './test/server/runtime/worker.ts',
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: { TAPELINE_SECRET: testSecret, TAPELINE_ORIGINS: testOrigin, DEMO: 'on' },
              durableObjects: {
                RULED: { className: 'RuledStreamObject', useSQLite: true },
                BUCKETED: { className: 'BucketedStreamObject', useSQLite: true },
              },
              r2Buckets: ['SEGMENTS'],
            },
          }),
        ],
        test: { name: 'runtime', include: ['test/server/runtime/**/*.test.ts'], testTimeout: 60_000 },
      },
      {
        test: {
          name: 'journey',
          env,
          include: ['test/journey/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
