// The name of the list of what was done. Numbers of events are given once for each name: a list that an older one took the place of gets another.
import { randomBytes } from 'node:crypto'
import type { Audit } from './audit.ts'
import type { Store } from './store.ts'

export interface EventsList {
  id(): string
  wasSetBack(next: number): boolean
}

export function openEventsList({ db, write }: Store, audit: Audit): EventsList {
  const find = db.prepare<[], string>("SELECT value FROM facts WHERE name = 'events-id'").pluck()
  const draw = db.prepare(
    "INSERT INTO facts (name, value) VALUES ('events-id', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
  )
  const last = db.prepare<[], number>("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit'").pluck()
  // Drawn when the list is opened for the first time.
  write(() => find.get() ?? draw.run(randomBytes(16).toString('hex')))
  return {
    id: () => find.get() as string,
    wasSetBack: (next) =>
      write(() => {
        const had = last.get() ?? 0
        if (next <= had + 1) return false
        draw.run(randomBytes(16).toString('hex'))
        const detail = { last: String(had), expected: String(next - 1) }
        audit.add({ what: 'events set back', by: 'holdfast', address: 'local', detail })
        return true
      }),
  }
}
