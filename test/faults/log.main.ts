// Writes into a log and forwards from it, and says what it does on standard output, a line each (truth.ts reads them).
// log.main.ts LIFE (see life.ts). Ends as it is told when all is done, with 74 when the log failed, 75 when it could not be opened.
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeAggregates } from '../../src/columns/aggregates/index.ts'
import { decodeBlock } from '../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { union } from '../../src/core/intervals.ts'
import type { AggregateSlice, Slice, Taken } from '../../src/core/log.ts'
import type { StreamRange } from '../../src/core/stream.ts'
import { streamKey } from '../../src/core/stream.ts'
import { openLog } from '../../src/workers/open-log.ts'
import { createDice } from './dice.ts'
import type { Life } from './life.ts'
import { EXIT_FAILED, EXIT_UNOPENED } from './life.ts'
import { threadOptions, UPLINK } from './options.ts'
import { addReading, readingsOf, standsFor, timeOf } from './readings.ts'
import type { SentTransaction } from './truth.ts'
import { linesOf } from './truth.ts'

const ROUNDS_WAITING_MAX = 3
const APPENDS_A_ROUND = 3
/** Rounds; besides, the keeper works when it sees fit. */
const SEALED_ONCE_IN = 5
const READINGS_AN_APPEND_MAX = 60

const life = JSON.parse(process.argv[2] ?? '') as Life
const dice = createDice(life.seed)

const pause = new Int32Array(new SharedArrayBuffer(4))

/** A line is written as a whole before anything else goes on: what was not said before the end was not done. */
function say(line: string): void {
  const bytes = Buffer.from(`${line}\n`)
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      // The pipe is full: whoever reads it is slow.
      if ((error as { code?: string }).code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, 1)
    }
  }
}

function end(word: string, error: unknown, code: number): never {
  say(`${word} ${error instanceof Error ? error.message : String(error)}`)
  process.exit(code)
}

const opening = performance.now()
const log = await openLog(threadOptions(life), (error) => end('failed', error, EXIT_FAILED)).catch((error: unknown) =>
  end('unopened', error, EXIT_UNOPENED),
)
say(`open ${Math.round(performance.now() - opening)} ${(await log.figures()).epoch}`)

// --- in -------------------------------------------------------------------------------------------------------------

const builder = new BatchBuilder(newOrigin(0))
let next = life.from
let refused = life.refused

async function appendSome(): Promise<void> {
  const from = next
  next += 1 + dice.below(READINGS_AN_APPEND_MAX)
  const more = dice.once(6) ? 2 : 0
  refused += more
  say(`given ${next} ${refused}`)
  for (let n = from; n < next; n++) addReading(builder, n, life.bytes)
  if (more > 0) builder.refuse('process', 'unreadable', timeOf(from), more)
  const to = next
  await log.writer.append(builder.take(timeOf(from)))
  say(`ack ${from} ${to} ${more}`)
}

async function appendAll(): Promise<void> {
  const waiting: Promise<unknown>[] = []
  for (let round = 0; round < life.rounds; round++) {
    waiting.push(Promise.all(Array.from({ length: 1 + dice.below(APPENDS_A_ROUND) }, appendSome)))
    if (dice.once(4)) log.writer.hurry()
    if (dice.once(SEALED_ONCE_IN)) waiting.push(log.seal())
    if (waiting.length >= ROUNDS_WAITING_MAX) await waiting.shift()
  }
  await Promise.all(waiting)
}

// --- out ------------------------------------------------------------------------------------------------------------

const stop = new AbortController()
let there = life.position && { transaction: life.position.transaction, delivered: new Map(life.position.delivered) }
let transaction = 0

async function beginAnew(): Promise<void> {
  const resumed = await log.reader.restart(UPLINK, there ?? 'none')
  transaction = Math.max(resumed.transaction, there?.transaction ?? 0)
}

const isGone = (slice: Slice, gone: readonly StreamRange[], sequence: number) =>
  gone.some((it) => it.stream === streamKey(slice.stream) && it.from <= sequence && sequence < it.to)

const aggregatesOf = (slice: AggregateSlice, gone: readonly StreamRange[]) => ({
  stream: streamKey(slice.stream),
  readings: standsFor(decodeAggregates(slice.block), slice.from, slice.to).filter(([sequence]) => !isGone(slice, gone, sequence)),
})

/** The destination has it all from here on. */
function send(taken: readonly Taken[], gone: readonly StreamRange[]): void {
  const delivered = new Map<string, Intervals>(there?.delivered)
  for (const it of taken.flatMap((one) => one.ranges)) delivered.set(it.stream, union(delivered.get(it.stream) ?? [], [it]))
  const slices = taken.flatMap(({ slices: list, series }) => list.map((slice) => ({ slice, series })))
  const sent: SentTransaction = {
    transaction: ++transaction,
    delivered: [...delivered],
    raw: slices.flatMap(({ slice, series }) =>
      slice.form === 'raw'
        ? [
            {
              stream: streamKey(slice.stream),
              readings: readingsOf(decodeBlock(slice.block), slice.from, slice.to, series)
                .filter((it) => !isGone(slice, gone, it.sequence))
                .map((it) => [it.sequence, it.number] as const),
            },
          ]
        : [],
    ),
    aggregates: slices.flatMap(({ slice }) => (slice.form === 'aggregate' ? [aggregatesOf(slice, gone)] : [])),
    gaps: slices.flatMap(({ slice }) => linesOf(slice)),
  }
  say(`sent ${JSON.stringify(sent)}`)
  there = { transaction, delivered }
}

async function forwardOnce(except: readonly string[]): Promise<void> {
  const request = { uplink: UPLINK, except, bytesMax: 500_000, readingsMax: 2_000 }
  const live = await log.reader.next({ ...request, lane: 'live' })
  const backlog = await log.reader.next({ ...request, lane: 'backlog' })
  const ranges = [live, backlog].flatMap((it) => it.ranges)
  if (ranges.length === 0) return void (await log.reader.more(UPLINK, AbortSignal.any([stop.signal, AbortSignal.timeout(50)])))
  const gone = await log.reader.offer(UPLINK, ranges, { 'topic/0': String(transaction) })
  // Now and then the destination has not got it, or has and nobody heard of it.
  if (dice.once(8)) return beginAnew()
  send([live, backlog], gone)
  if (dice.once(8)) return beginAnew()
  await log.reader.commit(UPLINK, ranges, transaction, [])
}

async function forward(except: readonly string[]): Promise<void> {
  let isKnown = false
  while (!stop.signal.aborted) {
    try {
      if (!isKnown) await beginAnew()
      isKnown = true
      await forwardOnce(except)
    } catch (error) {
      say(`reader ${(error as Error).message}`)
      isKnown = false
      await sleep(20)
    }
  }
}

// --- a life ----------------------------------------------------------------------------------------------------------

const forwarding = life.except ? forward(life.except) : undefined
await appendAll()
stop.abort()
await forwarding
say('done')
if (life.end === 'kill') process.kill(process.pid, 'SIGKILL')
if (life.end === 'close') {
  await log.close().catch((error: unknown) => end('failed', error, EXIT_FAILED))
  say('closed')
}
process.exit(0)
