// Opens a log that was damaged, as the agent does, lets one scan go over all of it, and says what is there then.
import { decodeBlock } from '../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { withInterval } from '../../src/core/intervals.ts'
import type { LedgerRow, Taken } from '../../src/core/log.ts'
import type { ClassStatus } from '../../src/core/status.ts'
import { streamKey } from '../../src/core/stream.ts'
import { openReader } from '../../src/log/journal.ts'
import type { Recovered } from '../../src/log/recover.ts'
import { recoverLog } from '../../src/log/recover.ts'
import { createScan } from '../../src/log/scan.ts'
import { openStored } from '../../src/log/stored.ts'
import type { OpenedLog } from '../log/helpers.ts'
import { openTestLog, T0 } from '../log/helpers.ts'
import { bytesOn } from './check.ts'
import { logOptions, READER, UPLINK } from './options.ts'
import { addReading, CYCLE, readingsOf, timeOf } from './readings.ts'
import type { Made } from './s8-log.ts'
import { isJustOf, isPartOf, linesOf } from './truth.ts'

const OPEN_MS_MAX = 10_000

export interface SeenStream {
  here: Intervals
  named: Intervals
  /** Of these, refused ones. */
  refused: Intervals
  readonly next: number
}

export interface Seen {
  readonly faults: readonly string[]
  readonly recovered: Recovered
  readonly epoch: string
  readonly streams: ReadonlyMap<string, SeenStream>
  readonly classes: ReadonlyMap<string, ClassStatus>
  /** What was appended after it was opened. */
  readonly fresh: ReadonlyMap<string, Intervals>
}

export async function openDamaged(
  dir: string,
  made: Pick<Made, 'truth'> & Partial<Pick<Made, 'forwards'>>,
  bootId: string,
  bytesMax: number,
  position = made.truth.position,
): Promise<Seen> {
  const options = { ...logOptions({ dir, bytesMax, bootId, hasLadder: false }), bootId }
  // Once it is open its readings leave, whatever it was made with: so all that is stored comes out of the lanes.
  const { classes: classesBefore } = logOptions({ dir, bytesMax, bootId, hasLadder: false, forwards: made.forwards })
  const faults: string[] = []
  const begun = performance.now()
  const recovered = await recoverLog({ ...options, classes: classesBefore, now: T0 })
  const log = openTestLog(dir, options)
  if (performance.now() - begun > OPEN_MS_MAX) faults.push(`I6: opening took ${Math.round(performance.now() - begun)} ms`)
  try {
    const there = position && { transaction: position.transaction, delivered: new Map(position.delivered) }
    const resumed = log.writer.restart(UPLINK, there ?? 'none')
    log.keeper.restart(UPLINK, resumed.delivered, resumed.inDoubt)
    scanAll(log, dir, faults)
    while (log.writer.publish() > 0);
    const streams = readAll(log, made, faults)
    const fresh = goOn(log, made, streams, faults)
    const { epoch, classes } = log.writer.figures()
    const bytes = bytesOn(dir)
    if (bytes > bytesMax) faults.push(`I5: ${bytes} bytes on disk, the bound is ${bytesMax}`)
    if (log.failures.length > 0) faults.push(`it failed: ${String(log.failures[0])}`)
    checkStored(classes, streams, faults)
    return { faults, recovered, epoch, streams, fresh, classes: new Map(classes.map((it) => [it.name, it])) }
  } finally {
    log.close()
  }
}

/** One round over everything, in no time. */
function scanAll(log: OpenedLog, dir: string, faults: string[]): void {
  const db = openReader(dir)
  let ms = 0
  const scan = createScan(db, openStored(db, dir), { bytesPerSecond: 1e12, monotonic: () => (ms += 1000) })
  for (let steps = 0; scan.progress().rounds === 0; steps++) {
    const change = scan.step()
    if (change && !log.writer.apply(change)) faults.push(`a damaged block of ${change.stream} could not be given up`)
    if (steps > 100_000) throw new Error('the scan does not end')
  }
  db.close()
}

function readAll(log: OpenedLog, { truth }: Pick<Made, 'truth'>, faults: string[]): Map<string, SeenStream> {
  const streams = new Map<string, SeenStream>(
    Object.entries(log.keeper.heads()).map(([key, { next }]) => [key, { here: [], named: [], refused: [], next }]),
  )
  log.keeper.restart(READER, new Map(), [])
  const said = new Map(truth.gaps.map(({ gap, row }) => [`${gap} ${row.sequence}`, row]))
  for (const row of said.values()) name(streams, row)
  takeAll(log, (taken) => {
    for (const slice of taken.slices) {
      for (const { gap, row } of linesOf(slice)) {
        name(streams, row)
        const before = said.get(`${gap} ${row.sequence}`)
        const isChanged =
          before && (before.from !== row.from || before.to !== row.to || streamKey(before.stream) !== streamKey(row.stream))
        // Lines that the destination has one by one may have become one.
        if (isChanged && !(isPartOf(before, row) && isJustOf(said.values(), row)))
          faults.push(`${gap} ${row.sequence} named [${before.from}, ${before.to}), and names [${row.from}, ${row.to}) now`)
      }
      const stream = streams.get(streamKey(slice.stream))
      if (!stream) {
        faults.push(`${streamKey(slice.stream)} has readings and no head`)
        continue
      }
      if (slice.form === 'aggregate') stream.here = withInterval(stream.here, slice.from, slice.to)
      if (slice.form !== 'raw') continue
      for (const { sequence, number } of readingsOf(decodeBlock(slice.block), slice.from, slice.to, taken.series)) {
        stream.here = withInterval(stream.here, sequence, sequence + 1)
        if (number >= truth.given) faults.push(`reading ${number} was never given`)
        const sent = truth.sent.get(streamKey(slice.stream))?.get(sequence)
        if (sent !== undefined && sent !== number)
          faults.push(`${streamKey(slice.stream)} ${sequence} is ${number} here, the destination has ${sent}`)
      }
    }
  })
  return streams
}

function name(streams: ReadonlyMap<string, SeenStream>, row: Pick<LedgerRow, 'stream' | 'from' | 'to' | 'action'>): void {
  const stream = streams.get(streamKey(row.stream))
  if (!stream) return
  stream.named = withInterval(stream.named, row.from, row.to)
  if (row.action === 'refused') stream.refused = withInterval(stream.refused, row.from, row.to)
}

function takeAll(log: OpenedLog, take: (taken: Taken) => void): void {
  for (let isMore = true; isMore; ) {
    isMore = false
    for (const lane of ['backlog', 'live'] as const) {
      const { damaged, ...taken } = log.keeper.next({ uplink: READER, lane, except: [], bytesMax: 8e6, readingsMax: 100_000 })
      if (damaged.length > 0) throw new Error(`after a scan a block is damaged: ${JSON.stringify(damaged)}`)
      take(taken)
      isMore ||= taken.ranges.length > 0
    }
  }
}

/** What is stored by the account is what is here and not delivered. */
function checkStored(classes: readonly ClassStatus[], streams: ReadonlyMap<string, SeenStream>, faults: string[]): void {
  for (const { name: className, accepted, delivered, stored, aggregated, lost } of classes) {
    const gone = Object.values(lost).reduce((sum, n) => sum + n, 0)
    if (accepted !== delivered + stored + aggregated + gone) faults.push(`I4: ${className} does not add up`)
    const heads = [...streams]
      .filter(([key]) => key.split(':')[2] === className && key.endsWith(':raw'))
      .reduce((sum, [, it]) => sum + it.next, 0)
    if (accepted < heads) faults.push(`I4: ${className} accepted ${accepted}, its streams end at ${heads} in all`)
  }
}

function goOn(
  log: OpenedLog,
  { truth }: Pick<Made, 'truth'>,
  streams: ReadonlyMap<string, SeenStream>,
  faults: string[],
): Map<string, Intervals> {
  const builder = new BatchBuilder(newOrigin(0))
  for (let n = truth.given; n < truth.given + CYCLE; n++) addReading(builder, n, 8)
  const id = log.append(builder.take(timeOf(truth.given)))
  for (let i = 0; i < 100 && !log.acked.includes(id); i++) log.clock.tick(100)
  const fresh = new Map<string, Intervals>()
  let found = 0
  takeAll(log, (taken) => {
    for (const slice of taken.slices) {
      if (slice.form !== 'raw') continue
      found += slice.to - slice.from
      fresh.set(streamKey(slice.stream), withInterval(fresh.get(streamKey(slice.stream)) ?? [], slice.from, slice.to))
    }
  })
  if (found !== CYCLE) faults.push(`${CYCLE} were appended after it, ${found} came back; ${streams.size} streams`)
  return fresh
}
