// The writer's part in the merging of old lines of the ledger (ledger-compaction.ts): one transaction, or nothing where anything has moved on.
import type { Journal } from './journal.ts'
import type { LineRow, Places } from './ledger-merge.ts'
import { LINE_COLUMNS, LINES_BETWEEN, mergedLine, placesOf } from './ledger-merge.ts'
import type { Positions } from './positions.ts'
import type { Streams } from './streams.ts'

/** Lines of the ledger become one; their places in the gap stream lie in [from, to). */
export interface MergeChange extends Places {
  readonly kind: 'merge'
  /** `streamKey` of the gap stream. */
  readonly stream: string
  /** By number, in the order of the readings that they name. */
  readonly lines: readonly number[]
}

export interface MergeParts {
  readonly db: Journal
  readonly streams: Pick<Streams, 'byKey'>
  readonly positions: Pick<Positions, 'isEven'>
}

/** Inside a transaction. False: the log has moved on, nothing was changed. */
export function createMerge({ db, streams, positions }: MergeParts): (change: MergeChange) => boolean {
  const lineOf = db.prepare<[number], LineRow>(`SELECT ${LINE_COLUMNS} FROM ledger WHERE id = ?`)
  const between = db.prepare<[number, number, number], number>(LINES_BETWEEN).pluck()
  const remove = db.prepare('DELETE FROM ledger WHERE id = ?')
  const grow = db.prepare(
    'UPDATE ledger SET first = @first, "end" = @end, count = @count, time_from = @time_from, time_to = @time_to, at = @at WHERE id = @id',
  )

  function isStillSo({ from, to, stream: key }: MergeChange, lines: readonly LineRow[]): boolean {
    const stream = streams.byKey(key)
    const places = placesOf(lines)
    if (!stream || lines[0]?.gap_stream !== stream.id || places.from !== from || places.to !== to) return false
    if (between.get(stream.id, from, to) !== lines.length) return false
    return positions.isEven(stream, from, to)
  }

  return (change) => {
    const lines = change.lines.flatMap((it) => lineOf.get(it) ?? [])
    const merged = lines.length === change.lines.length ? mergedLine(lines) : undefined
    if (!merged || !isStillSo(change, lines)) return false
    for (const it of lines) if (it.id !== merged.id) remove.run(it.id)
    grow.run(merged)
    return true
  }
}
