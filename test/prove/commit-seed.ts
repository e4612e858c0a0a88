import { execFileSync } from 'node:child_process'

/** The commit's: it passes or fails for good, and each one casts other dice than the one before. */
export function commitSeed(): number {
  try {
    return Number.parseInt(
      execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).slice(0, 8),
      16,
    )
  } catch {
    // A copy of the tree without its history.
    return 1
  }
}
