// Whole updates of simulated boxes: not part of `make test`, for they take a quarter of an hour.
import { defineConfig } from 'vitest/config'
import { SLOW } from './slow.ts'

export default defineConfig({
  test: { include: SLOW, testTimeout: 400_000, hookTimeout: 600_000, fileParallelism: false, pool: 'forks' },
})
