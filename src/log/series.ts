// What the series numbers in blocks mean. Rows are only added, so a number keeps its meaning for the life of the log.
import type { LogSeries } from '../core/log.ts'
import type { SeriesDescriptor, ValueKind } from '../core/reading.ts'
import type { Journal } from './journal.ts'

export interface SeriesTable {
  /** The number of a series, of this box or another; a new one is on disk with the next commit. */
  idOf(descriptor: SeriesDescriptor, device?: string): number
  kindOf(id: number): ValueKind
  /** Its times are the box's own. */
  isBoxTime(id: number): boolean
  /** What waits for `save` will take. */
  unsavedBytes(): number
  /** Inside the commit's transaction. */
  save(): void
}

/** A series, with its entry in the index: of a long tag each takes pages of its own beside (journal-layout.ts, format 3). */
const ROW_BYTES = 400
const BYTES_A_TAG_BYTE = 4

interface SeriesRow {
  readonly id: number
  readonly tag: string
  readonly class: string
  readonly kind: ValueKind
  readonly unit: string | null
  readonly box_time: number
  readonly device: string
}

const COLUMNS = 'id, tag, class, kind, unit, box_time, device'

const keyOf = (it: SeriesDescriptor, device: string) =>
  `${device}\0${it.kind}\0${it.class}\0${it.tag}\0${it.unit ?? ''}\0${it.boxTime ?? ''}`

export function loadSeries(db: Journal, device: string, world: { now(): number }): SeriesTable {
  const ids = new Map<string, number>()
  const kinds = new Map<number, ValueKind>()
  const boxTimes = new Set<number>()
  const added: (LogSeries & { readonly device: string })[] = []
  let nextId = 1
  const insert = db.prepare(
    'INSERT INTO series (id, device, tag, class, kind, unit, box_time, added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  for (const row of db.prepare(`SELECT ${COLUMNS} FROM series`).all() as SeriesRow[]) {
    ids.set(keyOf(descriptorOf(row), row.device), row.id)
    if (row.box_time === 1) boxTimes.add(row.id)
    kinds.set(row.id, row.kind)
    nextId = Math.max(nextId, row.id + 1)
  }
  return {
    idOf(descriptor, of = device) {
      const key = keyOf(descriptor, of)
      let id = ids.get(key)
      if (id === undefined) {
        id = nextId++
        ids.set(key, id)
        kinds.set(id, descriptor.kind)
        if (descriptor.boxTime) boxTimes.add(id)
        added.push({ ...descriptor, id, device: of })
      }
      return id
    },
    kindOf: (id) => kinds.get(id) as ValueKind,
    isBoxTime: (id) => boxTimes.has(id),
    unsavedBytes: () => added.reduce((sum, it) => sum + ROW_BYTES + BYTES_A_TAG_BYTE * Buffer.byteLength(it.tag), 0),
    save() {
      for (const it of added)
        insert.run(it.id, it.device, it.tag, it.class, it.kind, it.unit ?? null, it.boxTime ? 1 : 0, world.now())
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
