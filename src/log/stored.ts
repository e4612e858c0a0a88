// The keeper's view of what is stored: rows of blocks, the bytes of each wherever they are, streams, series, positions.
import type { Intervals } from '../core/intervals.ts'
import { union } from '../core/intervals.ts'
import type { LogSeries } from '../core/log.ts'
import type { SliceTime } from '../core/log.ts'
import type { Stream, StreamRange } from '../core/stream.ts'
import { streamKey, streamOf } from '../core/stream.ts'
import type { BlockRow, SegmentRow } from './catalogue.ts'
import { BLOCK_COLUMNS } from './catalogue.ts'
import type { Journal } from './journal.ts'
import { periodReader } from './periods.ts'
import { MARK_PREFIX } from './recover-marks.ts'
import { createUnreadable } from './scan-unreadable.ts'
import { readAt, segmentPath } from './segment.ts'
import { seriesReader } from './series.ts'

export interface StoredStream extends Stream {
  readonly id: number
  readonly next: number
  readonly key: string
}

/** Of an uplink that has not said what it has since the log was opened: the head of a stream then. */
export interface Mark {
  readonly uplink: string
  readonly head: number
}

export interface Stored {
  /** All that have not ended. */
  streams(): readonly StoredStream[]
  describe(id: number): LogSeries | undefined
  timeOf(period: number): SliceTime
  /** Blocks of a stream that hold any of [from, to), oldest first, at most `limit`. */
  overlapping(stream: number, from: number, to: number, limit: number): readonly BlockRow[]
  /** The same, newest first. */
  overlappingDown(stream: number, from: number, to: number, limit: number): readonly BlockRow[]
  /** The bytes of a block. Throws DamagedBlock where a file has lost them; undefined: it is gone. */
  read(row: Pick<BlockRow, 'id' | 'segment' | 'offset' | 'bytes'>): Uint8Array | undefined
  /** Numbers of a stream that what an uplink says may still take apart: below them all is of before the last open (recover-marks.ts). */
  marksOf(stream: string): readonly Mark[]
  /** By uplink: what it has and what may be under way to it, as of the last commit. */
  positionsOf(stream: string): readonly { readonly uplink: string; readonly had: Intervals; readonly pinned: Intervals }[]
}

export function openStored(db: Journal, dir: string): Stored {
  const sql = {
    streams: db.prepare(
      'SELECT id, device, epoch, class, form, next FROM stream WHERE id NOT IN (SELECT stream FROM ended) ORDER BY id',
    ),
    overlapping: db.prepare(
      `SELECT ${BLOCK_COLUMNS} FROM block WHERE stream = :stream AND first < :to AND first >= coalesce((SELECT max(first) FROM block WHERE stream = :stream AND first <= :from), 0) AND first + count > :from ORDER BY first LIMIT :limit`,
    ),
    overlappingDown: db.prepare(
      `SELECT ${BLOCK_COLUMNS} FROM block WHERE stream = :stream AND first < :to AND first >= coalesce((SELECT max(first) FROM block WHERE stream = :stream AND first <= :from), 0) AND first + count > :from ORDER BY first DESC LIMIT :limit`,
    ),
    streamId: db
      .prepare('SELECT id FROM stream WHERE device = @device AND epoch = @epoch AND class = @class AND form = @form')
      .pluck(),
    marks: db.prepare(`SELECT key, value FROM meta WHERE key LIKE '${MARK_PREFIX}%'`),
    data: db.prepare('SELECT data FROM block WHERE id = ?').pluck(),
    segment: db.prepare('SELECT id, class, form, "end" FROM segment WHERE id = ?'),
    positions: db.prepare(
      'SELECT uplink, delivered, (SELECT ranges FROM intent WHERE intent.uplink = position.uplink) AS ranges FROM position UNION SELECT uplink, NULL, ranges FROM intent WHERE uplink NOT IN (SELECT uplink FROM position)',
    ),
  }
  const paths = new Map<number, string>()
  const readPlace = createUnreadable(dir)

  function pathOf(id: number): string | undefined {
    let path = paths.get(id)
    if (path === undefined) {
      const row = sql.segment.get(id) as SegmentRow | undefined
      if (row) paths.set(id, (path = segmentPath(dir, row)))
    }
    return path
  }

  return {
    streams: () => (sql.streams.all() as Omit<StoredStream, 'key'>[]).map((it) => ({ ...it, key: streamKey(it) })),
    describe: seriesReader(db),
    timeOf: periodReader(db),
    overlapping: (stream, from, to, limit) => sql.overlapping.all({ stream, from, to, limit }) as BlockRow[],
    overlappingDown: (stream, from, to, limit) => sql.overlappingDown.all({ stream, from, to, limit }) as BlockRow[],
    read({ id, segment, offset, bytes }) {
      if (segment === null || offset === null) return (sql.data.get(id) as Uint8Array | null | undefined) ?? undefined
      const path = pathOf(segment)
      return path === undefined ? undefined : readPlace(path, offset, () => readAt(path, offset, bytes))
    },
    marksOf(stream) {
      const id = sql.streamId.get(streamOf(stream)) as number | undefined
      if (id === undefined) return []
      const marks = sql.marks.all() as { key: string; value: string }[]
      return marks.flatMap(({ key, value }) => {
        const head = new Map(JSON.parse(value) as [number, number][]).get(id)
        return head === undefined ? [] : [{ uplink: key.slice(MARK_PREFIX.length), head }]
      })
    },
    positionsOf(stream) {
      const rows = sql.positions.all() as { uplink: string; delivered: string | null; ranges: string | null }[]
      return rows.map(({ uplink, delivered, ranges }) => ({
        uplink,
        had: new Map(delivered === null ? [] : (JSON.parse(delivered) as [string, Intervals][])).get(stream) ?? [],
        pinned: (ranges === null ? [] : (JSON.parse(ranges) as StreamRange[]))
          .filter((it) => it.stream === stream)
          .reduce<Intervals>((set, it) => union(set, [{ from: it.from, to: it.to }]), []),
      }))
    },
  }
}
