// What the series numbers in blocks mean. Rows are only added, so a number keeps its meaning for the life of the log.
import type { LogSeries } from '../core/log.ts'
import type { SeriesDescriptor, ValueKind } from '../core/reading.ts'
import type { Journal } from './journal.ts'

export interface SeriesTable {
  /** The number of a series; a new one is on disk with the next commit. */
  idOf(descriptor: SeriesDescriptor): number
  kindOf(id: number): ValueKind
  /** How many wait for `save`. */
  unsaved(): number
  /** Inside the commit's transaction. */
  save(): void
}

interface SeriesRow {
  readonly id: number
  readonly tag: string
  readonly class: string
  readonly kind: ValueKind
  readonly unit: string | null
  readonly box_time: number
}

const COLUMNS = 'id, tag, class, kind, unit, box_time'

const keyOf = (it: SeriesDescriptor) => `${it.kind}\0${it.class}\0${it.tag}\0${it.unit ?? ''}\0${it.boxTime ?? ''}`

export function loadSeries(db: Journal, device: string, world: { now(): number }): SeriesTable {
  const ids = new Map<string, number>()
  const kinds = new Map<number, ValueKind>()
  const added: LogSeries[] = []
  let nextId = 1
  const insert = db.prepare(
    'INSERT INTO series (id, device, tag, class, kind, unit, box_time, added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  for (const row of db.prepare(`SELECT ${COLUMNS} FROM series`).all() as SeriesRow[]) {
    ids.set(keyOf(descriptorOf(row)), row.id)
    kinds.set(row.id, row.kind)
    nextId = Math.max(nextId, row.id + 1)
  }
  return {
    idOf(descriptor) {
      const key = keyOf(descriptor)
      let id = ids.get(key)
      if (id === undefined) {
        id = nextId++
        ids.set(key, id)
        kinds.set(id, descriptor.kind)
        added.push({ ...descriptor, id })
      }
      return id
    },
    kindOf: (id) => kinds.get(id) as ValueKind,
    unsaved: () => added.length,
    save() {
      for (const it of added)
        insert.run(it.id, device, it.tag, it.class, it.kind, it.unit ?? null, it.boxTime ? 1 : 0, world.now())
      added.length = 0
    },
  }
}

function descriptorOf({ id, tag, class: name, kind, unit, box_time }: SeriesRow): LogSeries {
  return { id, tag, class: name, kind, ...(unit !== null && { unit }), ...(box_time === 1 && { boxTime: true }) }
}

/** The keeper's side: descriptors by number, read from the journal as they are needed. */
export function seriesReader(db: Journal): (id: number) => LogSeries | undefined {
  const known = new Map<number, LogSeries>()
  const select = db.prepare(`SELECT ${COLUMNS} FROM series WHERE id = ?`)
  return (id) => {
    let found = known.get(id)
    if (!found) {
      const row = select.get(id) as SeriesRow | undefined
      if (row) known.set(id, (found = descriptorOf(row)))
    }
    return found
  }
}
