// The agent's time: the boot's own clock (monotonic, sleep included) plus an offset.
//
//   not trusted   the offset stands still, at the system clock's or at the floor's, whichever is later, until the system clock steps
//   trusted       the offset follows the system clock within STEP_US_MAX; what is beyond is a step, and needs that somebody vouches anew:
//                 a clock that was right is not made wrong by whoever sets the system's
//
// What must hold: between two steps the offset never moves by more than STEP_US_MAX, and not at all while the clock is not trusted; trust
// is kept for the rest of the boot; the floor (build, last saved time) binds only as long as nobody vouches for the time.
import type { ClockState, ClockTrust } from '../core/clock.ts'
import type { ClockStatus } from '../core/status.ts'
import type { CellClock } from './clock-cell.ts'
import { cellClock, newClockCell, writeCell } from './clock-cell.ts'

/** Somebody vouches for the system clock. A new `mark`: as it is now. No mark: always, whatever it says. */
export interface Voucher {
  readonly by: ClockTrust
  readonly mark?: string
}

/** What outlives the process. */
export interface SavedClock {
  readonly bootId: string
  /** The agent's time when it was saved. */
  readonly now: number
  readonly offsetUs: number
  readonly trust: Voucher | null
}

/** Clocks and witnesses. All times in microseconds. */
export interface ClockParts {
  /** The system's wall clock, since 1970 UTC. */
  systemUs(): number
  /** Never jumps; the same in all threads; need not go on while the machine sleeps. */
  monotonicUs(): number
  /** Since the machine was started, sleep included; may be coarse. */
  bootUs(): number
  voucher(): Voucher | null
  readonly bootId: string
  /** It is not earlier than this: when the software was built. */
  readonly floorUs: number
  readonly saved: SavedClock | undefined
  save(saved: SavedClock): void
}

export interface AgentClock extends CellClock {
  /** Monotonic milliseconds. */
  monotonic(): number
  current(): ClockState
  /** To be called each second. The step that the clock has just taken, if any; `told` has heard of it. */
  check(): ClockState | undefined
  status(): ClockStatus
  save(): void
  /** What the threads read the time from. */
  readonly cell: SharedArrayBuffer
}

/** The system clock may be off so far from the agent's time: less is followed, more is a step. */
export const STEP_US_MAX = 500_000
const SAVE_EVERY_US = 600_000_000
/** `bootUs` is coarse: less is not sleep. */
const SLEEP_US_MIN = 1_000_000
/** Two clocks are read at one moment: what the second may come later, and how often that is tried. */
const APART_US_MAX = 5_000
const READS_MAX = 5
/** Offsets are whole milliseconds, as the system clock is read. */
const GRAIN_US = 1_000

/** `told` hears of each step before any thread can read the new time: what it hands on first arrives before what is timed with it. */
export function openClock(parts: ClockParts, told: (step: ClockState) => void = () => {}): AgentClock {
  const cell = newClockCell()
  const reader = cellClock(cell, parts.monotonicUs)
  const ofBoot = parts.saved?.bootId === parts.bootId ? parts.saved : undefined
  let asleepUs = asleep(0)
  /** Before the first step the system clock has to be read, however long it takes. */
  let systemOffset = readOffset() ?? offsetNow()
  const floorOffset = Math.max(ofBoot?.offsetUs ?? -Infinity, offsetAt(Math.max(parts.floorUs, parts.saved?.now ?? -Infinity)))
  let trust = ofBoot?.trust ?? parts.voucher()
  let offsetUs = ofBoot?.trust ? ofBoot.offsetUs : target()
  /** As the present stretch began: where what is followed silently counts from. */
  let recorded = offsetUs
  let version = 0
  let savedAt = bootUs()
  publish()

  function asleep(before: number): number {
    const now = parts.bootUs() - parts.monotonicUs()
    return Math.abs(now - before) >= SLEEP_US_MIN ? Math.round(now) : before
  }
  function bootUs(): number {
    return parts.monotonicUs() + asleepUs
  }
  function offsetNow(): number {
    return Math.round((parts.systemUs() - bootUs()) / GRAIN_US) * GRAIN_US
  }

  /** System clock less boot clock; undefined when the machine was too busy to read both at one moment. */
  function readOffset(): number | undefined {
    for (let reads = 0; reads < READS_MAX; reads++) {
      const before = parts.monotonicUs()
      const offset = offsetNow()
      if (parts.monotonicUs() - before <= APART_US_MAX) return offset
    }
    return undefined
  }

  /** With which it is now that time, or a grain later. */
  function offsetAt(us: number): number {
    return Math.ceil((us - bootUs()) / GRAIN_US) * GRAIN_US
  }

  function target(): number {
    return trust ? systemOffset : Math.max(systemOffset, floorOffset)
  }

  function publish(): void {
    writeCell(cell, { version, baseUs: offsetUs + asleepUs })
  }

  function current(): ClockState {
    const boot = bootUs()
    return { bootId: parts.bootId, trusted: trust !== null, offsetUs: recorded, bootUs: boot, now: boot + offsetUs, version }
  }

  function step(): ClockState {
    offsetUs = recorded = target()
    version++
    const state = current()
    told(state)
    publish()
    save()
    return state
  }

  function save(): void {
    const boot = bootUs()
    savedAt = boot
    parts.save({ bootId: parts.bootId, now: boot + offsetUs, offsetUs: recorded, trust })
  }

  /** What of the system clock's is taken over. */
  function follow(voucher: Voucher | null): ClockState | undefined {
    if (!trust) {
      trust = voucher
      if (trust || Math.abs(target() - recorded) > STEP_US_MAX) return step()
      return undefined
    }
    const isNew = voucher !== null && isNews(voucher, trust)
    if (Math.abs(systemOffset - recorded) > STEP_US_MAX) {
      if (!isNew) return undefined
      trust = voucher
      return step()
    }
    offsetUs = systemOffset
    if (!isNew) return undefined
    // Saved, or the next start takes this mark for news, and whatever the system's clock says by then with it.
    const isSaved = voucher.mark === trust.mark
    trust = voucher
    if (!isSaved) save()
    return undefined
  }

  return {
    ...reader,
    cell,
    monotonic: () => parts.monotonicUs() / 1000,
    current,
    check() {
      asleepUs = asleep(asleepUs)
      // Asked before the clock is read: who vouches, vouches for what is read after.
      const voucher = parts.voucher()
      const read = readOffset()
      if (read === undefined) return undefined
      systemOffset = read
      const stepped = follow(voucher)
      if (stepped) return stepped
      publish()
      if (bootUs() - savedAt >= SAVE_EVERY_US) save()
      return undefined
    },
    status: () => ({
      synchronised: parts.voucher() !== null,
      offsetMs: Math.round((systemOffset - offsetUs) / 1000),
      trusted: trust !== null,
      source: trust?.by ?? null,
    }),
    save,
  }
}

/** A battery clock vouches for how the system's began, and for nothing that is done to that later. */
function isNews(voucher: Voucher, last: Voucher): boolean {
  if (voucher.mark === undefined) return true
  return voucher.by === 'ntp' && (last.by !== 'ntp' || voucher.mark !== last.mark)
}
