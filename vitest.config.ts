import { configDefaults, defineConfig } from 'vitest/config'
import { SLOW } from './test/fleet/slow.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...SLOW],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores, real servers: files one after the other, so that a slow one cannot starve another into a false failure.
    fileParallelism: false,
    pool: 'forks',
    // V8 may crash where threads that strip types share one wrapper of its code and exchange it for a faster one: it never does.
    execArgv: ['--wasm-wrapper-tiering-budget=2000000000'],
  },
})
