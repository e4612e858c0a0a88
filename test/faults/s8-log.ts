// A log with everything in it: sealed and fresh blocks of three classes, delivered and not, refused readings, streams of two epochs, aggregates.
// It is made once; damage is done to copies of it.
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { decodeBlock } from '../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { withInterval } from '../../src/core/intervals.ts'
import { streamKey } from '../../src/core/stream.ts'
import type { OpenedLog } from '../log/helpers.ts'
import { openTestLog } from '../log/helpers.ts'
import type { Dice } from './dice.ts'
import { logOptions, UPLINK } from './options.ts'
import { BOOT, BYTES_MAX } from './recording.ts'
import { addReading, readingsOf, timeOf } from './readings.ts'
import type { Truth } from './truth.ts'
import { linesOf, newTruth } from './truth.ts'

export interface Made {
  readonly dir: string
  /** Of the log as it stands: what was given, acknowledged, and sent. */
  readonly truth: Truth
  readonly bootId: string
  /** Of class process only aggregates leave. */
  readonly forwards: boolean
}

const ROUNDS = 14
const APPENDS = 5
const READINGS_MAX = 400

/** Makes one in a folder under `dir`. It ends as by a kill: much stands in the write-ahead log alone. */
export function makeLog(dir: string, dice: Dice): Made {
  const truth = newTruth()
  let folder = join(dir, 'life-0')
  const forwards = dice.once(2)
  mkdirSync(folder, { recursive: true })
  for (const bootId of ['boot-1', BOOT]) {
    const log = openTestLog(folder, {
      ...logOptions({ dir: folder, bytesMax: BYTES_MAX, bootId, hasLadder: false, forwards }),
      bootId,
    })
    start(log, truth)
    const source = new BatchBuilder(newOrigin(0))
    const bytes = dice.oneOf([8, 100, 600])
    for (let round = 0; round < ROUNDS; round++) {
      for (let n = 0; n < APPENDS; n++) append(log, truth, source, dice, bytes)
      if (dice.once(3)) send(log, truth, dice)
      if (dice.once(4)) log.work(true)
    }
    if (log.failures.length > 0) throw log.failures[0]
    folder = abandoned(log, folder)
  }
  return { dir: folder, truth, bootId: BOOT, forwards }
}

/** As a kill leaves it. The process goes on here, so that is a copy; the other is closed. */
function abandoned(log: OpenedLog, folder: string): string {
  const left = `${folder}-left`
  cpSync(folder, left, { recursive: true })
  log.close()
  return left
}

function append(log: OpenedLog, truth: Truth, source: BatchBuilder, dice: Dice, bytes: number): void {
  const from = truth.given
  const to = from + 1 + dice.below(READINGS_MAX)
  for (let n = from; n < to; n++) addReading(source, n, bytes)
  const refused = dice.once(4) ? 3 : 0
  if (refused > 0) source.refuse('process', 'unreadable', timeOf(from), refused)
  Object.assign(truth, { given: to, refusedGiven: truth.refusedGiven + refused })
  const id = log.append(source.take(timeOf(from)))
  for (let i = 0; i < 100 && !log.acked.includes(id); i++) log.clock.tick(100)
  truth.acked = withInterval(truth.acked, from, to)
  truth.refusedAcked += refused
}

function start(log: OpenedLog, truth: Truth): void {
  const position = truth.position && { transaction: truth.position.transaction, delivered: new Map(truth.position.delivered) }
  const resumed = log.writer.restart(UPLINK, position ?? 'none')
  log.keeper.restart(UPLINK, resumed.delivered, resumed.inDoubt)
}

/** One transaction of the destination, with its position. */
function send(log: OpenedLog, truth: Truth, dice: Dice): void {
  log.writer.publish()
  const request = { uplink: UPLINK, except: dice.once(2) ? ['debug'] : [], bytesMax: 60_000, readingsMax: 1_500 }
  for (const lane of ['live', 'backlog'] as const) {
    const taken = log.keeper.next({ ...request, lane })
    if (taken.ranges.length === 0) continue
    log.writer.offer(UPLINK, taken.ranges, {})
    const transaction = (truth.position?.transaction ?? 0) + 1
    const delivered = new Map<string, Intervals>(truth.position?.delivered ?? [])
    for (const it of taken.ranges) delivered.set(it.stream, withInterval(delivered.get(it.stream) ?? [], it.from, it.to))
    for (const slice of taken.slices) {
      const key = streamKey(slice.stream)
      truth.gaps.push(...linesOf(slice))
      if (slice.form !== 'raw') continue
      const known = truth.sent.get(key) ?? new Map<number, number>()
      truth.sent.set(key, known)
      for (const it of readingsOf(decodeBlock(slice.block), slice.from, slice.to, taken.series)) known.set(it.sequence, it.number)
    }
    truth.position = { transaction, delivered: [...delivered] }
    log.writer.commit(UPLINK, taken.ranges, transaction, [])
    log.clock.tick(50)
  }
}
