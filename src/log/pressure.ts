// How short space is, and what follows: how much the keeper has to free, and which classes must wait.
//
//   journal full to 90 %    appends wait until the keeper has sealed: they never fail
//   segments at their bound the keeper reduces by the plan of retention
//   partition full          the ballast goes (at an opening too, which writes), appends wait where even that is not enough, and the keeper frees what it may
//   a class that waits      at its bound its own appends wait, and nobody else's
//   a reader that is stuck  the write-ahead log cannot begin anew: at its bound everybody who writes waits, until the reader has gone
import { BYTES_PER_READING } from '../core/batch.ts'
import { BLOCK_BYTES_MAX, BLOCK_READINGS_MAX } from '../core/bounds.ts'
import type { ClassRetention, InForce, LadderStep } from '../core/retention.ts'
import type { ClassSettings } from '../core/settings.ts'
import type { DiskRoom } from '../core/status.ts'
import type { Catalogue } from './catalogue.ts'
import type { Journal } from './journal.ts'
import { boundWal, pageBytes, pagesMax, pagesUsed } from './journal.ts'
import type { ClassOffline, Offline } from './offline.ts'
import { formatDuration } from '../core/units.ts'
import { inForce } from '../retention/ladder.ts'
import { waitRoomBytes } from '../retention/room.ts'
import { dropQuarantine, quarantineBytes } from './recover.ts'
import { dropBallast, freeBytes, makeBallast, spaceOf } from './space.ts'

/** What the keeper works from. */
export interface LogState {
  /** First is most valuable. */
  readonly classes: readonly ClassRetention[]
  /** By class, in the same order: what is to be done with what comes in. */
  readonly inForce: readonly InForce[]
  /** 0 to 1: bytes not yet delivered, of bytesMax. */
  readonly filled: number
  /** More than 0: retention has to make room. */
  readonly bytesToFree: number
  /** 0 to 1, of what the journal may have. */
  readonly journalFill: number
  /** Bytes that sealing may still add to the segments. */
  readonly segmentRoom: number
  readonly journalBytesMax: number
  readonly segmentBytesMax: number
  /** False: no change would be taken. */
  readonly canWrite: boolean
  /** µs. */
  readonly now: number
}

export interface PressureParts {
  readonly dir: string
  readonly bytesMax: number
  readonly db: Journal
  readonly classes: readonly ClassSettings[]
  readonly catalogue: Catalogue
  readonly offline: Offline
}

export interface Pressure {
  /** Whether the write-ahead log has room for a transaction: not while somebody reads and does not end. The first time this waits for him. */
  canWrite(): boolean
  /** It had none when last asked. */
  isStuck(): boolean
  /** Whether a class's blocks (its place in the settings) must wait. `bytes`: what the commit would write. */
  isHeld(place: number, bytes: number): boolean
  /** Bytes of blocks that the journal can take now. */
  journalRoom(): number
  state(now: number): LogState
  /** Of the partition, when it was last asked. */
  disk(): DiskRoom
  /** Whether a class that gives nothing up is at its bound: its own appends wait, nobody else's. */
  isAtBound(place: number): boolean
  /** For status. */
  figures(): { readonly ballastBytes: number; readonly fill: number; stepOf(className: string): string }
  /** Writes the ballast anew once there is room again. */
  recover(): void
}

const JOURNAL_FILL_MAX = 0.9
/** The longest that a read takes on slow flash. */
const READER_MS_MAX = 2_000
const SMALL_WRITES_BYTES = 256_000
/** Of a fresh block that does not compress. */
const LARGEST_BLOCK_BYTES = BLOCK_READINGS_MAX * BYTES_PER_READING + BLOCK_BYTES_MAX

export function createPressure({ dir, bytesMax, db, classes, catalogue, offline }: PressureParts): Pressure {
  const space = spaceOf(bytesMax)
  const pages = pagesMax(db, bytesMax)
  /** It is not written into the last room that there is. */
  const besideBallastBytes = space.ballastBytes + space.segmentBytesMax + space.commitBytesMax
  const undelivered = db.prepare('SELECT coalesce(sum(bytes), 0) FROM block WHERE pending > 0').pluck()
  /** Room that is always made anew, so that others go on: for the next append, be it one block alone. */
  const appendBytes = Math.max(space.segmentBytesMax, LARGEST_BLOCK_BYTES)
  /** Less what one commit may take beyond. */
  const blockBytesMax = space.segmentsBytesMax - appendBytes - Math.max(space.commitBytesMax, LARGEST_BLOCK_BYTES)
  const freshOf = db
    .prepare(
      'SELECT coalesce(sum(b.bytes), 0) FROM block b JOIN stream s ON s.id = b.stream WHERE s.class = ? AND b.segment IS NULL AND b.pending > 0',
    )
    .pluck()
  const filesOf = db
    .prepare(
      'SELECT coalesce(sum("end"), 0) FROM segment WHERE class = ? AND EXISTS (SELECT 1 FROM block WHERE block.segment = segment.id AND pending > 0)',
    )
    .pluck()
  const wasFilled = new Map<string, ReadonlySet<LadderStep>>()
  let steps: readonly InForce[] = []
  let hasBallast = makeBallast(dir, space.ballastBytes, besideBallastBytes)
  let diskShort = false
  let stuck = false
  let aside = quarantineBytes(dir)

  const journalFill = () => pagesUsed(db) / pages

  /** Of the partition, what a commit of so many bytes and one segment's reduction need. */
  function isShortFor(bytes: number): boolean {
    const needed = bytes + SMALL_WRITES_BYTES
    if (freeBytes(dir) >= needed) return false
    if (hasBallast) {
      dropBallast(dir)
      hasBallast = false
    }
    return freeBytes(dir) < needed
  }

  function toFree(): number {
    const segments = catalogue.segmentBytes() + appendBytes
    // What damage left is the first to go.
    if (aside > 0 && segments + aside > space.segmentsBytesMax) {
      dropQuarantine(dir)
      aside = 0
    }
    const over = segments - space.segmentsBytesMax
    const wanted = space.segmentBytesMax + space.commitBytesMax + (hasBallast ? 0 : space.ballastBytes)
    return Math.max(0, over, Math.min(wanted - freeBytes(dir), catalogue.segmentBytes()))
  }

  /** What is not delivered, with the files that cannot go before it is. */
  const undeliveredOf = (name: string) => (freshOf.get(name) as number) + (filesOf.get(name) as number)

  const retentionOf = (it: ClassOffline, place: number): ClassRetention => {
    const { name, floorBytes, whenFull, ladder, forward } = classes[place] as ClassSettings
    const aggregates = forward && { forwardWindowMs: forward.windowMs }
    return { name, floorBytes, whenFull, ladder, ...aggregates, offlineForMs: it.offlineForMs, delivering: it.delivering }
  }

  function isAtBound(place: number): boolean {
    if (classes[place]?.whenFull !== 'wait') return false
    const all = offline.all().map(retentionOf)
    const room = { blockBytesMax, bandBytesMax: space.segmentBytesMax }
    return waitRoomBytes(all[place] as ClassRetention, all, undeliveredOf, room) <= 0
  }

  function canWrite(): boolean {
    // Who was waited for in vain is only looked at.
    stuck = !boundWal(db, space.walBytesMax, stuck ? 0 : READER_MS_MAX)
    return !stuck
  }

  return {
    canWrite,
    isStuck: () => stuck,
    isHeld(place, bytes) {
      diskShort = isShortFor(bytes)
      if (diskShort || journalFill() >= JOURNAL_FILL_MAX) return true
      return isAtBound(place)
    },
    isAtBound,
    journalRoom: () => (pages - pagesUsed(db)) * pageBytes(db) - Math.min(SMALL_WRITES_BYTES, space.journalBytesMax / 32),
    state(now) {
      const filled = (undelivered.get() as number) / bytesMax
      const retentions = offline.all().map(retentionOf)
      steps = retentions.map((it) => {
        const { inForce: step, filledNow } = inForce(it, filled, wasFilled.get(it.name) ?? new Set())
        wasFilled.set(it.name, filledNow)
        return step
      })
      return {
        classes: retentions,
        inForce: steps,
        filled,
        bytesToFree: toFree(),
        journalFill: journalFill(),
        segmentRoom: space.segmentsBytesMax - catalogue.segmentBytes(),
        journalBytesMax: space.journalBytesMax,
        segmentBytesMax: space.segmentBytesMax,
        canWrite: !stuck || canWrite(),
        now,
      }
    },
    figures: () => ({
      ballastBytes: hasBallast ? space.ballastBytes : 0,
      fill: (undelivered.get() as number) / (space.segmentsBytesMax + space.journalBytesMax),
      stepOf: (name) => stepText(steps[classes.findIndex((it) => it.name === name)]),
    }),
    disk: () => (diskShort ? 'full' : hasBallast ? 'roomy' : 'short'),
    recover() {
      if (hasBallast && !diskShort) return
      if (freeBytes(dir) < space.ballastBytes + besideBallastBytes) return
      diskShort = false
      hasBallast = makeBallast(dir, space.ballastBytes, besideBallastBytes)
    },
  }
}

/** 'raw', '10s', 'nothing'. */
function stepText(step: InForce | undefined): string {
  const keep = step?.keep ?? 'raw'
  if (typeof keep === 'string') return keep
  return formatDuration(keep.windowMs).replaceAll(' ', '')
}
