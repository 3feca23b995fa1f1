import { availableParallelism } from 'node:os'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { testOrigin, testSecret } from './test/support/secrets.ts'

/** `node` runs what is pure, `runtime` runs in workerd beside the real objects, `journey` drives a real browser. */
export default defineConfig({
  test: {
    // The simulation computes, the runtime and the browser wait for much of their time: one more than there are cores keeps all at work.
    maxWorkers: availableParallelism() + 1,
    projects: [
      {
        test: {
          name: 'node',
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
          include: ['test/journey/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
