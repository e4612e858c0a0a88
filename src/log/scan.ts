// Looks for damage: reads every block that is recorded and checks that it is the one that was written.
//
//   at open      all fresh blocks and the last segment of each class and form, at once: what a crash or a power cut can have touched
//   after that   everything, at a limited rate, over and over: about once a week
//
// A damaged block becomes a change that gives it up, with its line of the ledger; its neighbours stay where they are, for a block can be read
// without the others. So a segment with damage in it is not set aside: what is whole in it is as good as in any other. When all has been read,
// the journal's own rows are checked: where they are not as they were written, the process has to end, and the next start makes them anew.
import { crc32 } from 'node:zlib'
import { DamagedBlock, readHeader } from '../columns/index.ts'
import type { BlockRow } from './catalogue.ts'
import { BLOCK_COLUMNS } from './catalogue.ts'
import type { Change } from './change.ts'
import type { Journal } from './journal.ts'
import { faultsOf } from './recover.ts'
import { damageOf } from './change.ts'
import type { Stored } from './stored.ts'

export interface Scan {
  /** Reads on for as long as its rate allows; the first damage that it finds, given up. */
  step(): Change | undefined
  /** What has been found so far, and how far it is. */
  progress(): ScanProgress
}

export interface ScanProgress {
  readonly blocks: number
  readonly bytes: number
  readonly damaged: number
  /** Rounds over everything. */
  readonly rounds: number
}

export interface ScanOptions {
  /** Of the background; the tail is read as fast as steps come. */
  readonly bytesPerSecond?: number
  /** Monotonic ms. */
  readonly monotonic: () => number
}

const BYTES_PER_SECOND = 4_000_000
const EVERY_MS = 7 * 86_400_000
/** One step, so that readers never wait for long. */
const STEP_BYTES_MAX = 8_000_000
/** What a step may make up for of the time since the last one. */
const SAVED_UP_MS_MAX = 1_000
const ROWS_A_READ = 256
/** A damaged block that is under way to an uplink is given up when the doubt is over. */
const TRIED_AGAIN_MS = 10_000
const PAYLOAD_AT = 68
const PAYLOAD_CRC_AT = 60

export function createScan(db: Journal, stored: Stored, { bytesPerSecond = BYTES_PER_SECOND, monotonic }: ScanOptions): Scan {
  const after = db.prepare(`SELECT ${BLOCK_COLUMNS} FROM block WHERE id > ? ORDER BY id LIMIT ${ROWS_A_READ}`)
  const tail = db.prepare(
    `SELECT ${BLOCK_COLUMNS} FROM block WHERE id > ? AND (segment IS NULL OR segment IN (SELECT max(id) FROM segment GROUP BY class, form)) ORDER BY id LIMIT ${ROWS_A_READ}`,
  )
  /** Given up, but not applied when last seen. */
  const waiting = new Map<number, number>()
  let isTail = true
  let at = -1
  let queue: BlockRow[] = []
  let begunAt = monotonic()
  let lastStep = begunAt
  let progress: ScanProgress = { blocks: 0, bytes: 0, damaged: 0, rounds: 0 }

  function nextRow(): BlockRow | undefined {
    if (queue.length === 0) queue = (isTail ? tail : after).all(at) as BlockRow[]
    const row = queue.shift()
    if (row) at = row.id
    return row
  }

  /** The tail, or everything, has been read. */
  function endRound(): void {
    at = -1
    if (isTail) isTail = false
    else {
      checkJournal(db)
      progress = { ...progress, rounds: progress.rounds + 1 }
      begunAt = monotonic()
    }
  }

  /** The row's block is not what was written; undefined: it is, or it has gone meanwhile. */
  function look(row: BlockRow): Change | undefined {
    progress = { ...progress, blocks: progress.blocks + 1, bytes: progress.bytes + row.bytes }
    if (!isDamaged(stored, row)) return undefined
    const stream = stored.streams().find((it) => it.id === row.stream)
    if (!stream) return undefined
    if (!waiting.has(row.id)) progress = { ...progress, damaged: progress.damaged + 1 }
    waiting.set(row.id, monotonic() + TRIED_AGAIN_MS)
    return damageOf(stream.key, row)
  }

  function waitingChange(): Change | undefined {
    for (const [id, due] of waiting) {
      if (due > monotonic()) continue
      waiting.delete(id)
      const row = (after.all(id - 1) as BlockRow[]).find((it) => it.id === id)
      const change = row && look(row)
      if (change) return change
    }
    return undefined
  }

  return {
    progress: () => progress,
    step() {
      const now = monotonic()
      const allowed = isTail ? STEP_BYTES_MAX : (Math.min(now - lastStep, SAVED_UP_MS_MAX) / 1000) * bytesPerSecond
      lastStep = now
      const again = waitingChange()
      if (again) return again
      if (progress.rounds > 0 && at < 0 && now - begunAt < EVERY_MS) return undefined
      for (let bytes = 0; bytes < Math.min(allowed, STEP_BYTES_MAX); ) {
        const row = nextRow()
        if (!row) {
          endRound()
          return undefined
        }
        bytes += row.bytes
        const change = look(row)
        if (change) return change
      }
      return undefined
    },
  }
}

/** Whether the bytes at a row's place are not the block that the row is of. A block that went meanwhile is not damaged. Throws EIO. */
export function isDamaged(stored: Stored, row: BlockRow): boolean {
  try {
    const block = stored.read(row)
    return block !== undefined && !isBlockOf(block, row)
  } catch (error) {
    if (error instanceof DamagedBlock) return true
    throw error
  }
}

function isBlockOf(block: Uint8Array, row: BlockRow): boolean {
  try {
    const header = readHeader(block)
    // Aggregates are written before their stream has a number: the row alone says whose they are.
    const isOfStream = header.version === 3 || header.stream === row.stream
    if (!isOfStream || header.first !== row.first || header.count !== row.count || block.length !== row.bytes) return false
    return crc32(block.subarray(PAYLOAD_AT)) === new DataView(block.buffer, block.byteOffset).getUint32(PAYLOAD_CRC_AT, true)
  } catch (error) {
    if (error instanceof DamagedBlock) return false
    throw error
  }
}

function checkJournal(db: Journal): void {
  // One snapshot: the writer goes on meanwhile.
  const faults = db.transaction(() => faultsOf(db))()
  if (faults.length > 0) throw new Error(`the journal is damaged: ${faults.join('; ')}`)
}
