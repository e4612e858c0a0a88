/** Whole updates, each with boots and health gates of minutes: `make test-fleet` runs them, `make test` does not. */
export const SLOW = ['test/fleet/**/*.test.ts', 'test/update/{cuts,health,install}.test.ts', 'test/faults/u1.test.ts']
