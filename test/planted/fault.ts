// A mistake that somebody could make, as a small change of one file, and the tests that have to notice it.

export interface Fault {
  readonly id: string
  /** Below the root of the tree. */
  readonly file: string
  /** Stands in the file exactly once: who changes that place says here what the mistake is now. */
  readonly find: string
  readonly replace: string
  /** What would go wrong. */
  readonly why: string
  /** Any of them has to fail: a test file, 'FILE > part of a test's name', or 'S2 x 40': so many cases of a campaign. */
  readonly caughtBy: readonly string[]
}
