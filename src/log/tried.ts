// What aggregates of a class would take: some of what it sealed last is reduced in memory, and nothing is kept. The plan and the forecast go
// by it alike: without it the one would know too little, and the other guess until a step of a ladder has been in force for a while.
import { createAggregateEncoder, splitAggregates } from '../columns/aggregates/index.ts'
import { DamagedBlock, decodeBlock } from '../columns/index.ts'
import type { AggregateColumns, ReadingColumns } from '../core/aggregate.ts'
import type { ValueKind } from '../core/reading.ts'
import type { AggregateBytes, TriedWindows } from '../core/retention.ts'
import { reduceReadings } from '../retention/reduce.ts'
import type { BlockRow } from './catalogue.ts'
import { AGGREGATES_A_BLOCK, AGGREGATES_LEVEL } from './reducing.ts'
import type { Stored } from './stored.ts'

/** As many as are sealed at once of 1,000 tags at 1 Hz: reduced in a tenth of a second. */
const READINGS_MAX = 600_000
const BLOCKS_MAX = 500
/** As they are stored: of long strings 600,000 readings are gigabytes. The first block is taken whatever it has. */
const BYTES_MAX = 4_000_000
/** Fewer tell nothing: what each block has once weighs more than they do. */
const READINGS_MIN = 10_000
const ROWS_MIN = 200
/** The keeper does nothing else meanwhile: what is left is tried when somebody asks next. */
const WINDOWS_A_CALL = 4
/** Nobody sets shorter ones. */
const WINDOW_MS_MIN = 1_000
/** Of a class: a what-if may name any. */
const WINDOWS_KNOWN_MAX = 200

/** What a class says is much the same for so long. */
const RECENT_US = 6 * 3_600_000_000

interface Known {
  /** Of the newest that was tried, µs. */
  readonly receivedTo: number
  /** Undefined: nothing can be said. */
  readonly byWindow: Map<number, number | undefined>
}

export type TryAggregates = (classes: readonly TriedWindows[]) => Readonly<Record<string, readonly AggregateBytes[]>>

/** By class, for each of the windows what one aggregate takes; a window of which nothing can be said is left out. */
export function createTryAggregates(stored: Stored): TryAggregates {
  const encode = createAggregateEncoder(AGGREGATES_LEVEL)
  const kindOf = (id: number) => stored.describe(id)?.kind as ValueKind
  const known = new Map<string, Known>()

  /** Newest last. */
  function sample(name: string): readonly BlockRow[] {
    const taken: BlockRow[] = []
    let [readings, bytes] = [0, 0]
    for (const stream of stored.streams().toReversed()) {
      if (stream.class !== name || stream.form !== 'raw') continue
      for (const row of stored.overlappingDown(stream.id, 0, stream.next, BLOCKS_MAX)) {
        if (row.segment === null) continue
        const isEnough = readings >= READINGS_MAX || taken.length >= BLOCKS_MAX || (bytes > 0 && bytes + row.bytes > BYTES_MAX)
        if (isEnough) return taken.toReversed()
        taken.push(row)
        readings += row.count
        bytes += row.bytes
      }
    }
    return readings < READINGS_MIN ? [] : taken.toReversed()
  }

  function read(row: BlockRow): ReadingColumns[] {
    try {
      const block = stored.read(row)
      return block ? [decodeBlock(block)] : []
    } catch (error) {
      // The scan finds it, and says so.
      if (error instanceof DamagedBlock) return []
      throw error
    }
  }

  function bytesOf(columns: AggregateColumns): number {
    const times = { receivedFrom: 0, receivedTo: 0 }
    const blocks = splitAggregates(columns, AGGREGATES_A_BLOCK).map((it) => encode(it, { stream: 0, first: 0, ...times }, kindOf))
    return blocks.reduce((sum, it) => sum + it.block.length, 0)
  }

  /** Each block by itself, as what is sealed at once is reduced at once: of few tags that is little, and takes more a row. */
  function tryWindow(rows: readonly BlockRow[], windowMs: number): number | undefined {
    let [count, bytes] = [0, 0]
    for (const row of rows) {
      const columns = reduceReadings(read(row), windowMs * 1000, kindOf)
      count += columns.count
      bytes += bytesOf(columns)
    }
    return count < ROWS_MIN ? undefined : bytes / count
  }

  /** Whoever looks at a what-if asks again and again, and the plan for each band: what is known of data hardly older is not worked out anew. */
  function knownOf(name: string, receivedTo: number): Known {
    const before = known.get(name)
    const isRecent = before !== undefined && Math.abs(receivedTo - before.receivedTo) < RECENT_US
    if (isRecent && before.byWindow.size < WINDOWS_KNOWN_MAX) return before
    const of = { receivedTo, byWindow: new Map<number, number | undefined>() }
    known.set(name, of)
    return of
  }

  /** `left`: so many windows may be tried. */
  function ofClass({ name, windowsMs }: TriedWindows, left: number): { readonly found: AggregateBytes[]; readonly left: number } {
    if (windowsMs.length === 0) return { found: [], left }
    const rows = sample(name)
    const { byWindow } = knownOf(name, rows.at(-1)?.received_to ?? 0)
    const missing = windowsMs.filter((it) => it >= WINDOW_MS_MIN && !byWindow.has(it))
    const tried = rows.length === 0 ? missing : missing.slice(0, left)
    for (const it of tried) byWindow.set(it, tryWindow(rows, it))
    const found = windowsMs.flatMap((windowMs) => {
      const bytes = byWindow.get(windowMs)
      return bytes === undefined ? [] : [{ windowMs, bytes }]
    })
    return { found, left: rows.length === 0 ? left : left - tried.length }
  }

  return (classes) => {
    const found = new Map(classes.map((it): [string, AggregateBytes[]] => [it.name, []]))
    let left = WINDOWS_A_CALL
    // Of the lowest class something goes first.
    for (const it of classes.toReversed()) {
      const of = ofClass(it, left)
      found.set(it.name, of.found)
      left = of.left
    }
    return Object.fromEntries(found)
  }
}
