// The keeper's hand on segment files: what it appends counts only once the writer has recorded it (change.ts).
import type { LogSeries } from '../core/log.ts'
import type { SegmentRow } from './catalogue.ts'
import type { Into } from './change.ts'
import type { Journal } from './journal.ts'
import { appendTo, cutTo, segmentPath, ShortSegment, unlinkSegment } from './segment.ts'
import type { NotedLoss, Notes, SegmentForm } from './segment-notes.ts'
import type { Stored } from './stored.ts'

/** Blocks as they will be recorded. */
export interface Appended {
  readonly into: Into
  readonly offsets: readonly number[]
}

export interface SegmentWriter {
  /** On disk when it returns. Throws what the system says; then nothing counts. */
  append(to: SegmentKind, blocks: readonly Uint8Array[], series: readonly LogSeries[], at: number): Appended
  /** The writer has recorded the last append, or refused it. */
  settle(recorded: boolean): void
}

/** Aggregates of one window alone share a file: it gives room only when all of it has gone, and what is finer goes on down the ladder first. */
export interface SegmentKind {
  readonly class: string
  readonly form: SegmentForm
  /** 0: raw, whatever stands for it. */
  readonly windowMs: number
}

interface Pending {
  readonly path: string
  readonly end: number
  readonly described: readonly number[]
  readonly lastLoss: number
  readonly segment: SegmentRow
}

const LOSSES_NOTED_MAX = 1000

export function createSegmentWriter(
  db: Journal,
  dir: string,
  device: string,
  stored: Stored,
  segmentBytesMax: number,
): SegmentWriter {
  const sql = {
    last: db.prepare(
      `SELECT id, class, form, "end" FROM segment WHERE class = @class AND form = @form
       AND (form = 'raw' OR (SELECT window_ms FROM block WHERE segment = segment.id LIMIT 1) = @windowMs) ORDER BY id DESC LIMIT 1`,
    ),
    nextId: db.prepare("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'segment'), 0) + 1").pluck(),
    newest: db.prepare('SELECT coalesce(max(id), 0) FROM ledger').pluck(),
    account: db.prepare('SELECT class, accepted, delivered, aggregated, lost FROM account WHERE class = ?'),
    epoch: db.prepare("SELECT value FROM meta WHERE key = 'epoch'").pluck(),
    losses: db.prepare(
      'SELECT l.id, l.stream, l.first, l."end", l.count, l.time_from AS timeFrom, l.time_to AS timeTo, l.action, l.reason, l.at FROM ledger l JOIN stream s ON s.id = l.stream WHERE s.class = ? AND l.id >= ? ORDER BY l.id LIMIT ?',
    ),
  }
  const startOf = lineFinder(db)
  /** By segment: series that its notes describe already, as far as this run of the keeper wrote them. */
  const described = new Map<number, Set<number>>()
  /**
   * By class and form, as far as this run of the keeper noted them: files of aggregates may go long before those of the readings that they stand for (forwarding.ts), which need the lines too.
   * The last one is noted again: it may have grown.
   */
  const lastLosses = new Map<string, number>()
  const noted = ({ class: name, form }: Pick<SegmentRow, 'class' | 'form'>) => `${name} ${form}`
  let pending: Pending | undefined

  function segmentFor(kind: SegmentKind): SegmentRow {
    const last = sql.last.get(kind) as SegmentRow | undefined
    if (last && last.end < segmentBytesMax) return last
    return { id: sql.nextId.get() as number, class: kind.class, form: kind.form, end: 0 }
  }

  function notesOf(segment: SegmentRow, series: readonly LogSeries[], at: number): [Notes, number] {
    const { id, class: name, form } = segment
    const lastLoss = lastLosses.get(noted(segment)) ?? startOf(segment)
    const known = described.get(id)
    const newest = sql.newest.get() as number
    const losses = sql.losses.all(name, lastLoss, LOSSES_NOTED_MAX) as (NotedLoss & { id: number })[]
    const account = sql.account.get(name) as { lost: string; accepted: number; delivered: number; aggregated: number } | undefined
    const { lost, ...counts } = account ?? { lost: '{}', accepted: 0, delivered: 0, aggregated: 0 }
    const notes: Notes = {
      class: name,
      form,
      device,
      epoch: sql.epoch.get() as string,
      at,
      streams: stored
        .streams()
        .filter((it) => it.class === name)
        .map(({ id, device: of, epoch, class: name, form: kind, next }) => ({
          id,
          device: of,
          epoch,
          class: name,
          form: kind,
          next,
        })),
      series: series.filter((it) => !known?.has(it.id)),
      account: { ...counts, class: name, lost: JSON.parse(lost) as Record<string, number> },
      ledger: losses.map(plainLoss),
    }
    // Of a class without lines the next look begins where this one ended.
    return [notes, losses.at(-1)?.id ?? Math.max(lastLoss, newest)]
  }

  function appendOnce(segment: SegmentRow, blocks: readonly Uint8Array[], series: readonly LogSeries[], at: number): Appended {
    const path = segmentPath(dir, segment)
    const [notes, lastLoss] = notesOf(segment, series, at)
    try {
      const { offsets, end } = appendTo(path, segment.end, notes, blocks)
      const grown = { ...segment, end }
      pending = { path, end: segment.end, described: series.map((it) => it.id), lastLoss, segment: grown }
      return { into: { segment: grown, base: segment.end }, offsets }
    } catch (error) {
      giveBack(path, segment.end)
      throw error
    }
  }

  return {
    append(to, blocks, series, at) {
      for (;;) {
        const segment = segmentFor(to)
        try {
          return appendOnce(segment, blocks, series, at)
        } catch (error) {
          // The last of its blocks was delivered between our look at the row and the opening of the file: on to the next one.
          if (!(error instanceof ShortSegment) || segmentFor(to).id === segment.id) throw error
        }
      }
    },
    settle(recorded) {
      const it = pending
      pending = undefined
      if (!it) return
      if (!recorded) return giveBack(it.path, it.end)
      const known = described.get(it.segment.id) ?? new Set()
      described.set(it.segment.id, known)
      for (const id of it.described) known.add(id)
      lastLosses.set(noted(it.segment), it.lastLoss)
    },
  }
}

/**
 * Where a run of the keeper begins to note lines. Which of them are in files already it does not know; those of what is held are noted once more, the
 * rest of a ledger that grows for good is not.
 */
function lineFinder(db: Journal): (of: Pick<SegmentRow, 'class' | 'form'>) => number {
  const streams = db.prepare<[string, string], number>('SELECT id FROM stream WHERE class = ? AND form = ?').pluck()
  /** Lines of a stream do not overlap. */
  const fromHeld = db
    .prepare<[{ stream: number }], number | null>(
      `SELECT min(l.id) FROM (SELECT first FROM block WHERE stream = :stream ORDER BY first LIMIT 1) held
       JOIN ledger l ON l.stream = :stream AND l.first >= coalesce((SELECT max(first) FROM ledger WHERE stream = :stream AND first <= held.first), 0)`,
    )
    .pluck()
  const receivedFrom = db.prepare<[number], number | null>('SELECT min(received_from) FROM block WHERE stream = ?').pluck()
  const lastBefore = db
    .prepare<[string, number], number>(
      'SELECT l.id FROM ledger l CROSS JOIN stream s ON s.id = l.stream WHERE s.class = ? AND l.at < ? ORDER BY l.id DESC LIMIT 1',
    )
    .pluck()
  const newest = db
    .prepare<[string], number>(
      `SELECT l.id FROM ledger l CROSS JOIN stream s ON s.id = l.stream WHERE s.class = ? ORDER BY l.id DESC LIMIT 1 OFFSET ${LOSSES_NOTED_MAX - 1}`,
    )
    .pluck()
  return ({ class: name, form }) => {
    const ids = streams.all(name, form)
    const held = ids.flatMap((stream) => fromHeld.get({ stream }) ?? [])
    // What aggregates stand for has lines of when they were made: after the readings were received.
    const received = form === 'raw' ? [] : ids.flatMap((it) => receivedFrom.get(it) ?? [])
    const standing = received.length === 0 ? Infinity : (lastBefore.get(name, Math.min(...received)) ?? 0)
    return Math.min(...held, standing, newest.get(name) ?? 0)
  }
}

/** A tail that nobody recorded is space; the next append cuts it off in any case. */
function giveBack(path: string, end: number): void {
  try {
    if (end === 0) unlinkSegment(path)
    else cutTo(path, end)
  } catch {
    // The file may be gone, or the disk failing: whoever needs it next will say so.
  }
}

const plainLoss = ({ stream, first, end, count, timeFrom, timeTo, action, reason, at }: NotedLoss): NotedLoss => ({
  stream,
  first,
  end,
  count,
  timeFrom,
  timeTo,
  action,
  reason,
  at,
})
