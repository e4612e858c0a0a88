// Tests that boot an image: not part of `make test`, for a boot takes a minute.
import { defineConfig } from 'vitest/config'
import { BOOT_MS_MAX } from './times.ts'

export default defineConfig({
  test: {
    include: ['test/image/**/*.boot.ts'],
    // Within it a machine may start and go off, and say by itself what was not in time.
    testTimeout: 2 * BOOT_MS_MAX + 120_000,
    hookTimeout: 600_000,
    fileParallelism: false,
    pool: 'forks',
  },
})
