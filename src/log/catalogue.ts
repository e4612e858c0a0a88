// The catalogue: which blocks there are, fresh in the journal or sealed in a segment, and which files hold them.
// A segment whose last block has gone is taken out in the same transaction; its file is unlinked after the commit.
import type { Form } from '../core/stream.ts'
import type { Journal } from './journal.ts'

/** A block's row, but for its data. */
export interface BlockRow {
  readonly id: number
  readonly stream: number
  readonly first: number
  readonly count: number
  /** Sequences of it that are not delivered yet. */
  readonly pending: number
  /** That it holds or, of aggregates, stands for. */
  readonly readings: number
  readonly time_from: number
  readonly time_to: number
  readonly received_from: number
  readonly received_to: number
  readonly bytes: number
  readonly period: number
  /** How many are in it. */
  readonly series: number
  /** Of aggregates; 0: raw. Of raw blocks that aggregates stand for, the window of those (forwarding.ts). */
  readonly window_ms: number
  readonly segment: number | null
  readonly offset: number | null
}

export const BLOCK_COLUMNS =
  'id, stream, first, count, pending, readings, time_from, time_to, received_from, received_to, bytes, period, series, window_ms, segment, "offset"'

/** Whether aggregates stand for a block's readings: it is history, and no lane offers it (forwarding.ts). */
export function isKeptRaw({ form }: { readonly form: Form }, { window_ms }: Pick<BlockRow, 'window_ms'>): boolean {
  return form === 'raw' && window_ms > 0
}

/** A sealed block that is to be recorded. */
export interface SealedBlock extends Omit<BlockRow, 'id' | 'stream' | 'pending' | 'segment' | 'offset'> {
  readonly offset: number
}

export interface SegmentRow {
  readonly id: number
  readonly class: string
  readonly form: Extract<Form, 'raw' | 'aggregate'>
  /** Bytes of the file that are recorded. */
  readonly end: number
}

export interface Catalogue {
  /** Of all segment files. */
  segmentBytes(): number
  segments(): readonly SegmentRow[]
  /** Recorded bytes of a segment; 0: there is none of this number. */
  endOf(segment: number): number
  addFresh(row: Omit<BlockRow, 'id' | 'segment' | 'offset'>, data: Uint8Array): void
  addSealed(stream: number, segment: SegmentRow, block: SealedBlock, pending: number): void
  /** Blocks of a stream that hold any of [from, to), oldest first. */
  overlapping(stream: number, from: number, to: number): readonly BlockRow[]
  byId(id: number): BlockRow | undefined
  setPending(id: number, pending: number): void
  /** Of a raw block: aggregates of such windows stand for it, and it is kept as history (forwarding.ts). */
  keepRaw(id: number, windowMs: number): void
  remove(row: Pick<BlockRow, 'id' | 'segment'>): void
  /** Before the commit: takes out segments without blocks. */
  settle(): void
  /** After the commit: segments whose files can be unlinked. */
  gone(): readonly SegmentRow[]
}

export function loadCatalogue(db: Journal): Catalogue {
  const rows = new Map((db.prepare('SELECT id, class, form, "end" FROM segment').all() as SegmentRow[]).map((it) => [it.id, it]))
  const sql = {
    insert: db.prepare(
      `INSERT INTO block (${BLOCK_COLUMNS.replace('id, ', '')}, data) VALUES (@stream, @first, @count, @pending, @readings, @time_from, @time_to, @received_from, @received_to, @bytes, @period, @series, @window_ms, @segment, @offset, @data)`,
    ),
    // Blocks of a stream do not overlap: the one that begins at or before `from` is the first that can hold it.
    overlapping: db.prepare(
      `SELECT ${BLOCK_COLUMNS} FROM block WHERE stream = :stream AND first < :to AND first >= coalesce((SELECT max(first) FROM block WHERE stream = :stream AND first <= :from), 0) AND first + count > :from ORDER BY first`,
    ),
    byId: db.prepare(`SELECT ${BLOCK_COLUMNS} FROM block WHERE id = ?`),
    pending: db.prepare('UPDATE block SET pending = ? WHERE id = ?'),
    keepRaw: db.prepare('UPDATE block SET pending = 0, window_ms = ? WHERE id = ?'),
    remove: db.prepare('DELETE FROM block WHERE id = ?'),
    any: db.prepare('SELECT 1 FROM block WHERE segment = ? LIMIT 1'),
    record: db.prepare(
      'INSERT INTO segment (id, class, form, "end") VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "end" = excluded."end"',
    ),
    drop: db.prepare('DELETE FROM segment WHERE id = ?'),
  }
  let bytes = [...rows.values()].reduce((sum, it) => sum + it.end, 0)
  let touched = new Set<number>()
  let gone: SegmentRow[] = []

  function record(segment: SegmentRow): void {
    const known = rows.get(segment.id)
    if (known && known.end >= segment.end) return
    sql.record.run(segment.id, segment.class, segment.form, segment.end)
    bytes += segment.end - (known?.end ?? 0)
    rows.set(segment.id, segment)
  }

  const insert = (row: Omit<BlockRow, 'id'>, data: Uint8Array | null) => void sql.insert.run({ ...row, data })

  return {
    segmentBytes: () => bytes,
    segments: () => [...rows.values()],
    endOf: (id) => rows.get(id)?.end ?? 0,
    addFresh: (row, data) => insert({ ...row, segment: null, offset: null }, data),
    addSealed(stream, segment, block, pending) {
      record(segment)
      insert({ ...block, stream, pending, segment: segment.id }, null)
    },
    overlapping: (stream, from, to) => sql.overlapping.all({ stream, from, to }) as BlockRow[],
    byId: (id) => sql.byId.get(id) as BlockRow | undefined,
    keepRaw: (id, windowMs) => void sql.keepRaw.run(windowMs, id),
    setPending: (id, pending) => void sql.pending.run(pending, id),
    remove({ id, segment }) {
      sql.remove.run(id)
      if (segment !== null) touched.add(segment)
    },
    settle() {
      for (const id of touched) {
        const row = rows.get(id)
        if (!row || sql.any.get(id)) continue
        sql.drop.run(id)
        rows.delete(id)
        bytes -= row.end
        gone.push(row)
      }
      touched = new Set()
    },
    gone() {
      const list = gone
      gone = []
      return list
    },
  }
}
