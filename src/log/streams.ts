// The stream table in memory: who has which number, and the next sequence of each.
import type { Form, Stream } from '../core/stream.ts'
import { streamKey } from '../core/stream.ts'
import type { Journal } from './journal.ts'

export interface StreamRow extends Stream {
  readonly id: number
  readonly key: string
  next: number
  /** `next` is newer than on disk. */
  dirty: boolean
}

export interface Streams {
  /** The stream of this device's present epoch; made when it is not there yet (its row is written by `save`). */
  current(className: string, form: Form): StreamRow
  /** The stream of the same epoch and class in another form. */
  sibling(row: StreamRow, form: Form): StreamRow
  byId(id: number): StreamRow
  byKey(key: string): StreamRow | undefined
  all(): readonly StreamRow[]
  /** Of one class, oldest first. */
  ofClass(className: string, form: Form): readonly StreamRow[]
  epoch(): string
  beginEpoch(epoch: string): void
  /** Inside the commit's transaction. */
  save(): void
}

export function loadStreams(db: Journal, device: string, presentEpoch: string): Streams {
  let epoch = presentEpoch
  const rows = new Map<number, StreamRow>()
  const keys = new Map<string, StreamRow>()
  let nextId = 1
  const upsert = db.prepare(
    'INSERT INTO stream (id, device, epoch, class, form, next) VALUES (@id, @device, @epoch, @class, @form, @next) ON CONFLICT (id) DO UPDATE SET next = excluded.next',
  )
  const remember = (stream: Stream, id: number, next: number, dirty: boolean): StreamRow => {
    const row = { ...stream, id, key: streamKey(stream), next, dirty }
    rows.set(id, row)
    keys.set(row.key, row)
    nextId = Math.max(nextId, id + 1)
    return row
  }
  for (const row of db.prepare('SELECT id, device, epoch, class, form, next FROM stream ORDER BY id').all() as (Stream & {
    id: number
    next: number
  })[])
    remember({ device: row.device, epoch: row.epoch, class: row.class, form: row.form }, row.id, row.next, false)

  const find = (stream: Stream): StreamRow => keys.get(streamKey(stream)) ?? remember(stream, nextId, 0, true)
  return {
    current: (className, form) => find({ device, epoch, class: className, form }),
    sibling: (row, form) => find({ device: row.device, epoch: row.epoch, class: row.class, form }),
    byId(id) {
      const row = rows.get(id)
      if (!row) throw new Error(`stream ${id} is not in the stream table`)
      return row
    },
    byKey: (key) => keys.get(key),
    all: () => [...rows.values()],
    ofClass: (className, form) => [...rows.values()].filter((it) => it.class === className && it.form === form),
    epoch: () => epoch,
    beginEpoch(next) {
      epoch = next
    },
    save() {
      for (const row of rows.values()) {
        if (!row.dirty) continue
        upsert.run({ id: row.id, device: row.device, epoch: row.epoch, class: row.class, form: row.form, next: row.next })
        row.dirty = false
      }
    },
  }
}
