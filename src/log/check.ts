// Reads the log's files for people: whether they are whole, what is in them, and all of it. Beside the writer or without one: only reads.
import { statSync } from 'node:fs'
import { decodeAggregates } from '../columns/aggregates/index.ts'
import { DamagedBlock, decodeBlock } from '../columns/index.ts'
import type { ExportCursor, ExportRow, FileCheck, FileDamage, LogInspection } from '../core/log-files.ts'
import type { LedgerLine, LedgerRequest, LogDay } from '../core/operator.ts'
import { rowsOf } from '../core/query.ts'
import type { BlockRow, SegmentRow } from './catalogue.ts'
import { BLOCK_COLUMNS } from './catalogue.ts'
import type { Journal } from './journal.ts'
import { walBytes } from './journal.ts'
import { aggregateParts, rawParts } from './query-parts.ts'
import { ledgerLines, logDays } from './days.ts'
import { faultsOf } from './recover.ts'
import { isDamaged } from './scan.ts'
import { segmentPath } from './segment.ts'
import type { Stored } from './stored.ts'
import { walk } from './walk.ts'

export interface Check {
  /** The segments that are recorded now, with their bytes. */
  files(): readonly { readonly id: number; readonly bytes: number }[]
  journal(): FileCheck
  /** Undefined: it went meanwhile. */
  segment(id: number): Promise<FileCheck | undefined>
  inspect(segment?: number): LogInspection
  ledger(request: LedgerRequest): LedgerLine[]
  days(): LogDay[]
  /** The rows of the next block; undefined: that was all. */
  exportPart(
    after: ExportCursor | undefined,
  ): { readonly next: ExportCursor; readonly bytes: number; readonly rows: ExportRow[] } | undefined
  /** Of all blocks. */
  exportBytes(): number
}

const EVER = 2 ** 53

export function createCheck(db: Journal, dir: string, stored: Stored): Check {
  const sql = {
    segments: db.prepare('SELECT id, class, form, "end" FROM segment ORDER BY id'),
    segment: db.prepare('SELECT id, class, form, "end" FROM segment WHERE id = ?'),
    rows: db.prepare(`SELECT ${BLOCK_COLUMNS} FROM block WHERE segment = ? ORDER BY "offset"`),
    fresh: db.prepare(`SELECT ${BLOCK_COLUMNS} FROM block WHERE segment IS NULL ORDER BY id`),
    following: db.prepare(`SELECT ${BLOCK_COLUMNS} FROM block WHERE stream = ? AND first >= ? ORDER BY first LIMIT 1`),
    bytes: db.prepare('SELECT coalesce(sum(bytes), 0) FROM block').pluck(),
  }

  function damageOf(row: BlockRow): FileDamage {
    const stream = stored.streams().find((it) => it.id === row.stream)
    return {
      what: `the block of ${stream?.class ?? 'an ended class'} ${row.first} to ${row.first + row.count - 1}`,
      offset: row.offset,
      readings: row.pending,
      stream: stream?.key ?? null,
      first: row.first,
    }
  }

  function fileOf(
    segment: SegmentRow | undefined,
    bytes: number,
    rows: readonly BlockRow[],
    others: readonly FileDamage[],
  ): FileCheck {
    const bad = rows.filter((it) => isDamaged(stored, it))
    const whole = rows.filter((it) => !bad.includes(it))
    return {
      segment: segment?.id ?? null,
      class: segment?.class ?? null,
      form: segment?.form ?? null,
      bytes,
      blocks: whole.length,
      readings: whole.reduce((sum, it) => sum + it.readings, 0),
      damage: [...others, ...bad.map(damageOf)],
    }
  }

  /** What is damaged in a file besides blocks that are recorded: what nobody needs any more, and notes. */
  async function othersIn(segment: SegmentRow, rows: readonly BlockRow[]): Promise<FileDamage[]> {
    const found: FileDamage[] = []
    const isRecorded = (from: number, to: number) =>
      rows.some((it) => (it.offset as number) < to && from < (it.offset as number) + it.bytes)
    for await (const it of walk(segmentPath(dir, segment), { to: segment.end })) {
      if (it.kind === 'notes' || (it.kind === 'block' && it.ok) || isRecorded(it.offset, it.offset + it.bytes)) continue
      const what = it.kind === 'block' ? 'a block that is not needed any more' : 'notes, or a block that is not needed any more'
      found.push({ what, offset: it.offset, readings: 0, stream: null, first: null })
    }
    return found
  }

  function exportRows(row: BlockRow): ExportRow[] {
    const stream = stored.streams().find((it) => it.id === row.stream)
    const block = stored.read(row)
    if (!stream || !block) return []
    const clock = stored.timeOf(row.period)
    const cut = { from: -EVER, to: EVER, clock: clock.quality === 'synchronised' ? undefined : clock, wanted: stored.describe }
    const parts =
      stream.form === 'aggregate' ? aggregateParts(decodeAggregates(block), cut, row) : rawParts(decodeBlock(block), cut)
    const rows: ExportRow[] = []
    for (const part of parts) for (const it of rowsOf(part)) rows.push({ ...it, device: stream.device, epoch: stream.epoch })
    return rows
  }

  /** The next block at or behind a place, over all streams. */
  function blockAfter({ stream, first }: ExportCursor): BlockRow | undefined {
    for (const it of stored.streams()) {
      if (it.id < stream || (it.form !== 'raw' && it.form !== 'aggregate')) continue
      const row = sql.following.get(it.id, it.id === stream ? first : 0) as BlockRow | undefined
      if (row) return row
    }
    return undefined
  }

  return {
    files: () => (sql.segments.all() as SegmentRow[]).map((it) => ({ id: it.id, bytes: it.end })),
    journal() {
      // One snapshot: a writer may go on meanwhile.
      const faults = db.transaction(() => faultsOf(db))()
      const others = faults.map((what): FileDamage => ({ what, offset: null, readings: 0, stream: null, first: null }))
      return fileOf(undefined, statSync(db.name).size + walBytes(db), sql.fresh.all() as BlockRow[], others)
    },
    async segment(id) {
      const segment = sql.segment.get(id) as SegmentRow | undefined
      if (!segment) return undefined
      const rows = sql.rows.all(id) as BlockRow[]
      const others = await othersIn(segment, rows)
      // Gone while it was read: no damage.
      return sql.segment.get(id) ? fileOf(segment, segment.end, sql.rows.all(id) as BlockRow[], others) : undefined
    },
    inspect: (segment) => inspect(db, segment),
    ledger: (request) => ledgerLines(db, request),
    days: () => logDays(db),
    exportBytes: () => sql.bytes.get() as number,
    exportPart(after) {
      const row = blockAfter(after ?? { stream: 0, first: 0 })
      if (!row) return undefined
      const next = { stream: row.stream, first: row.first + row.count }
      try {
        return { next, bytes: row.bytes, rows: exportRows(row) }
      } catch (error) {
        if (!(error instanceof DamagedBlock)) throw error
        return { next, bytes: row.bytes, rows: [] }
      }
    },
  }
}

function inspect(db: Journal, segment: number | undefined): LogInspection {
  const one = segment === undefined ? '' : 'WHERE g.id = :segment'
  const segments = db
    .prepare(
      `SELECT g.id, g.class, g.form, g."end" AS bytes, coalesce(sum(b.bytes), 0) AS blockBytes, count(b.id) AS blocks, coalesce(sum(b.readings), 0) AS readings,
        coalesce(sum(b.pending), 0) AS pending, min(b.time_from) AS timeFrom, max(b.time_to) AS timeTo
        FROM segment g LEFT JOIN block b ON b.segment = g.id ${one} GROUP BY g.id ORDER BY g.id`,
    )
    .all(segment === undefined ? {} : { segment }) as LogInspection['segments']
  const meta = db.prepare('SELECT value FROM meta WHERE key = ?').pluck()
  const rebuilt = meta.get('rebuilt') as string | undefined
  const journalBytes = statSync(db.name).size + walBytes(db)
  return {
    epoch: meta.get('epoch') as string,
    bytes: journalBytes + (db.prepare('SELECT coalesce(sum("end"), 0) FROM segment').pluck().get() as number),
    journalBytes,
    segments,
    streams: db
      .prepare(
        `SELECT s.device, s.epoch, s.class, s.form, s.next, count(b.id) AS blocks, coalesce(sum(b.bytes), 0) AS bytes
          FROM stream s LEFT JOIN block b ON b.stream = s.id GROUP BY s.id ORDER BY s.id`,
      )
      .all() as LogInspection['streams'],
    ledger: db
      .prepare(
        'SELECT s.class, s.form, l.action, l.reason, count(*) AS lines, sum(l.count) AS count FROM ledger l JOIN stream s ON s.id = l.stream GROUP BY s.class, s.form, l.action, l.reason ORDER BY s.class',
      )
      .all() as LogInspection['ledger'],
    rebuilt: rebuilt === undefined ? null : (JSON.parse(rebuilt) as LogInspection['rebuilt']),
  }
}
