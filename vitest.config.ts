import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores, real servers: files one after the other, so that a slow one cannot starve another into a false failure.
    fileParallelism: false,
    pool: 'forks',
  },
})
