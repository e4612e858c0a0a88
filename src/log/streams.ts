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
  /** Any stream, of whatever box; made when it is not there yet. */
  of(stream: Stream): StreamRow
  /** The stream of events of a list, which has no epoch of the log: the list's name stands in its place. */
  ofList(list: string, className: string): StreamRow
  /** The stream of the same epoch and class in another form. */
  sibling(row: StreamRow, form: Form): StreamRow
  byId(id: number): StreamRow
  byKey(key: string): StreamRow | undefined
  all(): readonly StreamRow[]
  /** Of one class, oldest first. */
  ofClass(className: string, form: Form): readonly StreamRow[]
  epoch(): string
  beginEpoch(epoch: string): void
  /** Nothing is left to store, send or say of this stream: no position names it any more. Inside the commit's transaction. */
  end(row: StreamRow): void
  hasEnded(row: StreamRow): boolean
  /** Inside the commit's transaction. `nextOf`: the next number to be saved where it is not that in memory yet. */
  save(nextOf: (row: StreamRow) => number | undefined): void
  /** The same for some forms: numbers of raw streams whose blocks are not written yet stay in memory. */
  saveForms(forms: readonly Form[]): void
  /** The same for streams of other boxes: none of their blocks ever waits. */
  saveOthers(): void
}

const plain = ({ device, epoch, class: name, form }: Stream): Stream => ({ device, epoch, class: name, form })

export function loadStreams(db: Journal, device: string, presentEpoch: string): Streams {
  let epoch = presentEpoch
  const rows = new Map<number, StreamRow>()
  const keys = new Map<string, StreamRow>()
  let nextId = 1
  const upsert = db.prepare(
    'INSERT INTO stream (id, device, epoch, class, form, next) VALUES (@id, @device, @epoch, @class, @form, @next) ON CONFLICT (id) DO UPDATE SET next = excluded.next',
  )
  const insertEnded = db.prepare('INSERT OR IGNORE INTO ended (stream) VALUES (?)')
  const ended = new Set(db.prepare('SELECT stream FROM ended').pluck().all() as number[])
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

  function saveAll(wanted: (row: StreamRow) => boolean, nextOf: (row: StreamRow) => number | undefined = () => undefined): void {
    for (const row of rows.values()) {
      if (!row.dirty || !wanted(row)) continue
      const next = nextOf(row)
      upsert.run({ id: row.id, device: row.device, epoch: row.epoch, class: row.class, form: row.form, next: next ?? row.next })
      row.dirty = next !== undefined
    }
  }

  const find = (stream: Stream): StreamRow => keys.get(streamKey(stream)) ?? remember(stream, nextId, 0, true)
  return {
    current: (className, form) => find({ device, epoch, class: className, form }),
    of: (stream) => find(plain(stream)),
    ofList: (list, className) => find({ device, epoch: list, class: className, form: 'event' }),
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
    end(row) {
      insertEnded.run(row.id)
      ended.add(row.id)
    },
    hasEnded: (row) => ended.has(row.id),
    save: (nextOf) => saveAll(() => true, nextOf),
    saveForms: (forms) => saveAll((row) => forms.includes(row.form)),
    saveOthers: () => saveAll((row) => row.device !== device),
  }
}
