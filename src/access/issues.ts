// What stands until an admin says that he has seen it.
import type { AccessIssue } from '../core/access.ts'
import type { AccessClock } from './clock.ts'
import type { Store } from './store.ts'

export interface Issues {
  list(): readonly AccessIssue[]
  raise(issue: Omit<AccessIssue, 'at'>): void
  /** False: there is none. */
  remove(code: string): boolean
}

export function openIssues({ db }: Store, clock: AccessClock): Issues {
  const all = db.prepare<[], AccessIssue>('SELECT code, at, text, remedy FROM issues ORDER BY at')
  const insert = db.prepare('INSERT OR REPLACE INTO issues (code, at, text, remedy) VALUES (?, ?, ?, ?)')
  const remove = db.prepare('DELETE FROM issues WHERE code = ?')
  return {
    list: () => all.all(),
    raise: ({ code, text, remedy }) => void insert.run(code, clock.wall(), text, remedy),
    remove: (code) => remove.run(code).changes > 0,
  }
}
