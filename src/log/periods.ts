// Clock periods: stretches of one boot with one offset between the boot's own clock and the agent's time. Each block names the one in
// which its receive times, and the source times that this box gave, were taken.
//
// What must hold: a period's offset never changes, and its shift is set at most once, so no time is ever corrected twice. While a boot's
// clock is not trusted, times are right among themselves only (relative). When it is trusted for the first time, the shift of that boot's
// periods becomes known: the boot's clock went on evenly all the while. Stored blocks are not rewritten: the shift is added when they are sent.
import type { ClockState } from '../core/clock.ts'
import type { SliceTime } from '../core/log.ts'
import type { Journal } from './journal.ts'

export const PERIOD_SCHEMA = `
CREATE TABLE IF NOT EXISTS period (id INTEGER PRIMARY KEY, boot TEXT NOT NULL, trusted INTEGER NOT NULL, offset_us REAL NOT NULL, shift_us REAL,
  begun_at REAL NOT NULL, boot_us REAL NOT NULL, crc INTEGER NOT NULL DEFAULT 0) STRICT;
`

/** A row of the table. `shift_us`: what has to be added to its times; null while nobody knows, and where nothing has to be. */
interface PeriodRow {
  readonly id: number
  readonly boot: string
  /** 0 or 1. */
  readonly trusted: number
  readonly offset_us: number
  readonly shift_us: number | null
  readonly begun_at: number
  readonly boot_us: number
}

export interface Periods {
  /** The number of the period that goes on now. */
  current(): number
  /** The period in which a batch took its times (`ReadingBatch.clock`); the present one where it does not say. */
  of(version: number | undefined): number
  /** The period for times of other boxes that can be trusted so far. */
  ofOthers(quality: SliceTime['quality']): number
  /** The clock stepped, or became trusted: a new period. Every step has to be told, in order. */
  step(state: ClockState): void
  /** A period or a shift waits for `save`: it should not wait for long, it is lost with the power. */
  isDirty(): boolean
  /** Rows that wait. */
  unsaved(): number
  /** Inside the commit's transaction. */
  save(): void
  timeOf(id: number): SliceTime
  /**
   * How long ago a time was that this box gave in a period: by the boot's own clock within this boot, whatever the wall clock did meanwhile,
   * else by the times as they are corrected. Undefined where neither tells. `now` is the present time of this box.
   */
  ageUs(id: number, time: number, now: number): number | undefined
  /** No block is of a period before this one any more: other boots' rows before it go. Inside the commit's transaction. */
  forget(before: number): void
}

const SYNCHRONISED: SliceTime = { quality: 'synchronised', shiftUs: 0 }
const RELATIVE: SliceTime = { quality: 'relative', shiftUs: 0 }
/** A start within one boot reads the offset anew where the agent's own note of it is lost: what measuring may differ by. */
const SAME_OFFSET_US_MAX = 1_000
/** Times of other boxes, by how far they can be trusted: they are what they are, for good. Below all numbers of our own. */
const OTHERS_PERIODS = { synchronised: -1, corrected: -2, relative: -3 } as const
const OTHERS_BOOT = 'others'
const COLUMNS = 'id, boot, trusted, offset_us, shift_us, begun_at, boot_us'

/** Goes on with the last period if boot, trust and offset are the same, else begins one. */
export function loadPeriods(db: Journal, state: ClockState): Periods {
  const byId = db.prepare(`SELECT ${COLUMNS} FROM period WHERE id = ?`)
  const upsert = db.prepare(
    `INSERT INTO period (${COLUMNS}) VALUES (@id, @boot, @trusted, @offset_us, @shift_us, @begun_at, @boot_us) ON CONFLICT (id) DO UPDATE SET shift_us = excluded.shift_us`,
  )
  const drop = db.prepare('DELETE FROM period WHERE id > 0 AND id < ? AND boot <> ?')
  const last = db.prepare(`SELECT ${COLUMNS} FROM period ORDER BY id DESC LIMIT 1`).get() as PeriodRow | undefined
  const ofBoot = db.prepare(`SELECT ${COLUMNS} FROM period WHERE boot = ? ORDER BY id`).all(state.bootId) as PeriodRow[]
  /** Of this boot: nobody knows their shift yet. */
  let waiting = ofBoot.filter((it) => it.trusted === 0 && it.shift_us === null)
  /** The offset that was trusted last in this boot. */
  let trustedOffset = ofBoot.findLast((it) => it.trusted === 1)?.offset_us
  const dirty = new Map<number, PeriodRow>()
  let nextId = Math.max(0, last?.id ?? 0) + 1
  let version = state.version
  let current = last && isSame(last, state) ? last : begin(state)
  const first = { id: current.id, version }
  settle()

  function begin({ bootId, trusted, offsetUs, now, bootUs }: ClockState): PeriodRow {
    const row: PeriodRow = {
      id: nextId++,
      boot: bootId,
      trusted: trusted ? 1 : 0,
      offset_us: offsetUs,
      shift_us: null,
      begun_at: now,
      boot_us: bootUs,
    }
    if (trusted) trustedOffset = offsetUs
    else waiting.push(row)
    dirty.set(row.id, row)
    return row
  }

  /** Gives those that wait their shift, once and for all. */
  function settle(): void {
    if (trustedOffset === undefined) return
    for (const row of waiting) dirty.set(row.id, { ...row, shift_us: Math.round(trustedOffset - row.offset_us) })
    waiting = []
  }

  function rowOf(id: number): PeriodRow | undefined {
    return dirty.get(id) ?? (byId.get(id) as PeriodRow | undefined)
  }

  return {
    current: () => current.id,
    of: (wanted) => (wanted === undefined ? current.id : Math.min(current.id, first.id + Math.max(0, wanted - first.version))),
    ofOthers(quality) {
      const id = OTHERS_PERIODS[quality]
      if (!rowOf(id)) dirty.set(id, othersRow(id, quality))
      return id
    },
    step(next) {
      if (next.version !== version + 1 || next.bootId !== state.bootId)
        throw new Error(`the clock's step ${next.version} follows on ${version}`)
      version = next.version
      current = begin(next)
      settle()
    },
    isDirty: () => dirty.size > 0,
    unsaved: () => dirty.size,
    save() {
      for (const row of dirty.values()) upsert.run(row)
      dirty.clear()
    },
    timeOf: (id) => timeIn(rowOf(id)),
    ageUs(id, time, now) {
      const row = rowOf(id)
      if (row?.boot === state.bootId) return now - current.offset_us - (time - row.offset_us)
      const [there, here] = [timeIn(row), timeIn(rowOf(current.id))]
      if (there.quality === 'relative' || here.quality === 'relative') return undefined
      return now + here.shiftUs - (time + there.shiftUs)
    },
    forget: (before) => void drop.run(before, state.bootId),
  }
}

function othersRow(id: number, quality: SliceTime['quality']): PeriodRow {
  const trusted = quality === 'synchronised' ? 1 : 0
  return { id, boot: OTHERS_BOOT, trusted, offset_us: 0, shift_us: quality === 'corrected' ? 0 : null, begun_at: 0, boot_us: 0 }
}

function isSame(row: PeriodRow, state: ClockState): boolean {
  if (row.boot !== state.bootId || row.trusted !== (state.trusted ? 1 : 0)) return false
  return Math.abs(row.offset_us - state.offsetUs) <= SAME_OFFSET_US_MAX
}

/** Of a period that nobody knows, only distances mean something. */
function timeIn(row: PeriodRow | undefined): SliceTime {
  if (row?.trusted === 1) return SYNCHRONISED
  if (row === undefined || row.shift_us === null) return RELATIVE
  return { quality: 'corrected', shiftUs: row.shift_us }
}

/** The keeper's side: read from the journal as needed. Remembered is only what cannot change any more. */
export function periodReader(db: Journal): (id: number) => SliceTime {
  const known = new Map<number, SliceTime>()
  const select = db.prepare('SELECT trusted, shift_us, boot FROM period WHERE id = ?')
  const lastBoot = db.prepare('SELECT boot FROM period ORDER BY id DESC LIMIT 1').pluck()
  return (id) => {
    const before = known.get(id)
    if (before) return before
    const row = select.get(id) as PeriodRow | undefined
    const time = timeIn(row)
    if (row && (time.quality !== 'relative' || row.boot !== lastBoot.get())) known.set(id, time)
    return time
  }
}
