// Tests that boot an image: not part of `make test`, for a boot takes a minute.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/image/**/*.boot.ts'],
    testTimeout: 400_000,
    hookTimeout: 600_000,
    fileParallelism: false,
    pool: 'forks',
  },
})
