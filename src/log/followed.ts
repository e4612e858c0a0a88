// Whether the log was ever followed: one row of `meta`. From then on a start keeps the numbers of all that it finds (follow-reader.ts).
import type { Journal } from './journal.ts'
import { writeMeta } from './journal.ts'

const FOLLOWED = 'followed'

export function wasFollowed(db: Journal): boolean {
  return db.prepare('SELECT 1 FROM meta WHERE key = ?').get(FOLLOWED) !== undefined
}

/** On disk before a follower is told its first number. `change`: a transaction of its own, with its fsync; `mustWrite` throws where there can be none. */
export function followMarker(db: Journal, change: (what: () => void) => void, mustWrite: () => void): () => void {
  let isMarked = wasFollowed(db)
  return () => {
    if (isMarked) return
    mustWrite()
    change(() => writeMeta(db, FOLLOWED, '1'))
    isMarked = true
  }
}
