// The real log with its threads, what it takes on disk, and a plant of recorded values to fill it with.
import { randomFillSync } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { ReadingBatch } from '../../src/core/batch.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { OpenLog } from '../../src/workers/open-log.ts'
import { openLog } from '../../src/workers/open-log.ts'
import type { WriterData } from '../../src/workers/writer.ts'
import { random } from './arrival.ts'
import type { DataSet } from './recorded.ts'
import { readDataSets } from './recorded.ts'

const SECOND = 1_000_000
const APPENDS_IN_FLIGHT = 8
const WAIT_MS = 250

/** As the defaults of the settings are, with one class that is kept raw until space is needed. */
export function openBenchLog(dir: string, more: Partial<WriterData> = {}): Promise<OpenLog> {
  const options: WriterData = {
    dir,
    device: 'box-1',
    bytesMax: 2e9,
    commitBytes: 64_000,
    commitEveryMinMs: 5,
    keepDeliveredMs: 0,
    classes: [{ name: 'process', floorBytes: 0, commitEveryMs: 250, whenFull: 'reduce', ladder: [] }],
    delivery: {},
    uplinks: ['kafka'],
    ...more,
  }
  return openLog(options, (error) => {
    throw error
  })
}

const FILL_BATCH_SECONDS = 10

/** A sealed log of so many readings of the last hour and before, 1,000 tags once a second. */
export async function fillLog(dir: string, readings: number): Promise<void> {
  const tags = 1_000
  const seconds = Math.ceil(readings / tags)
  const log = await openBenchLog(dir)
  const plant = recordedPlant(tags, (Date.now() - Math.max(3_600, seconds) * 1000) * 1000)
  function* batches() {
    for (let second = 0; second < seconds; second += FILL_BATCH_SECONDS) {
      plant.add(second, Math.min(FILL_BATCH_SECONDS, seconds - second))
      yield plant.builder.take(plant.timeOf(second + FILL_BATCH_SECONDS))
    }
  }
  await appendAll(log, batches())
  await log.seal()
  await log.close()
}

export interface Sizes {
  readonly segments: number
  /** journal.db with its write-ahead log. */
  readonly journal: number
  /** Pages of the journal that hold nothing and are used again. */
  readonly journalFree: number
  readonly ballast: number
  readonly rest: number
}

/** Of a log that nobody has open. Bytes. */
export function sizesOf(dir: string): Sizes {
  const db = new Database(join(dir, 'journal.db'))
  const pragma = (name: string) => db.pragma(name, { simple: true }) as number
  const journalFree = pragma('freelist_count') * pragma('page_size')
  db.close()
  const sizes = { segments: 0, journal: 0, journalFree, ballast: 0, rest: 0 }
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    const at = statSync(join(dir, name))
    if (!at.isFile()) continue
    const part = name.startsWith('segments') ? 'segments' : name.startsWith('journal.db') ? 'journal' : name
    if (part === 'segments' || part === 'journal' || part === 'ballast') sizes[part] += at.size
    else sizes.rest += at.size
  }
  return sizes
}

/** Hands batches over, a few at a time, as they come. Says how many readings those were. */
export async function appendAll(log: OpenLog, batches: Iterable<ReadingBatch>): Promise<number> {
  const inFlight: Promise<void>[] = []
  let readings = 0
  for (const batch of batches) {
    readings += batch.count
    inFlight.push(log.writer.append(batch))
    if (inFlight.length > APPENDS_IN_FLIGHT) await inFlight.shift()
  }
  await Promise.all(inFlight)
  return readings
}

/** Takes what the log has, as an uplink does, for nobody; says how many readings. Ends when nothing is left, or when `isOver`. */
export async function drain({ reader, figures }: OpenLog, isOver: () => boolean, from = 1): Promise<number> {
  const request = { uplink: 'kafka', except: [], bytesMax: 4_000_000, readingsMax: 50_000 }
  let readings = 0
  for (let transaction = from; !isOver(); transaction++) {
    let taken = await reader.next({ ...request, lane: 'live' })
    if (taken.ranges.length === 0) taken = await reader.next({ ...request, lane: 'backlog' })
    if (taken.ranges.length === 0) {
      // What is being sealed is not handed out meanwhile.
      if ((await figures()).classes.every((it) => it.stored === 0)) break
      await reader.more('kafka', AbortSignal.timeout(WAIT_MS))
      continue
    }
    await reader.offer('kafka', taken.ranges, {})
    await reader.commit('kafka', taken.ranges, transaction, [])
    readings += taken.slices.reduce((sum, it) => sum + it.to - it.from, 0)
  }
  return readings
}

export interface Plant {
  readonly builder: BatchBuilder
  /** Readings of `seconds` seconds from `second` on, each tag once a second. */
  add(second: number, seconds: number): void
  /** Microseconds. */
  timeOf(second: number): number
}

const DEVICES = 20
const JITTER_US = 5_000
const SERIES_LEAST = 10_000

/** Each column of all its tables, one after another. */
function longSeries({ tables }: DataSet): Float64Array[] {
  const columns = new Map<string, number[]>()
  for (const table of tables)
    for (const [name, values] of table.columns) {
      const all = columns.get(name) ?? []
      for (const it of values) all.push(it)
      columns.set(name, all)
    }
  return [...columns.values()].filter((it) => it.length > SERIES_LEAST).map((it) => Float64Array.from(it))
}

/**
 * So many tags on 20 devices, each polled once a second: each tag plays a recorded series from a place of its own, so far from
 * the next one that no block has the same piece twice. The poll's time varies
 * by up to 5 ms from device to device.
 */
export function recordedPlant(tags: number, start: number, data?: string): Plant {
  const recorded = readDataSets(data).flatMap(longSeries)
  const sharers = Math.ceil(tags / recorded.length)
  const builder = new BatchBuilder(newOrigin(0))
  const dice = random(20_260_103)
  const perDevice = Math.ceil(tags / DEVICES)
  const list = Array.from({ length: tags }, (_, tag) => {
    const values = recorded[tag % recorded.length] as Float64Array
    const from = Math.floor((values.length / sharers) * Math.floor(tag / recorded.length))
    const name = `plant/device-${Math.floor(tag / perDevice)}/tag-${tag}`
    return { number: builder.series({ tag: name, class: 'process', kind: 'double' }), values, from }
  })
  return {
    builder,
    timeOf: (second) => start + second * SECOND,
    add(second, seconds) {
      for (let at = second; at < second + seconds; at++) {
        let time = 0
        for (let tag = 0; tag < tags; tag++) {
          if (tag % perDevice === 0) time = start + at * SECOND + Math.floor(dice() * JITTER_US)
          const { number, values, from } = list[tag] as (typeof list)[number]
          builder.add(number, time, values[(from + at) % values.length] as number)
        }
      }
    },
  }
}

/** Any bits but those of what is no number. */
function randomDoubles(count: number): Float64Array {
  const values = randomFillSync(new Float64Array(count))
  const words = new Uint32Array(values.buffer)
  for (let i = 1; i < words.length; i += 2) words[i] = (words[i] as number) & 0xbfff_ffff
  return values
}

/** So many tags once a second, of values that nothing makes smaller: they fill a log fastest. */
export function randomPlant(tags: number, start: number): Plant {
  const builder = new BatchBuilder(newOrigin(0))
  const numbers = Array.from({ length: tags }, (_, tag) =>
    builder.series({ tag: `plant/tag-${tag}`, class: 'process', kind: 'double' }),
  )
  const timeOf = (second: number) => start + second * SECOND
  return {
    builder,
    timeOf,
    add(second, seconds) {
      for (let at = second; at < second + seconds; at++)
        for (const [tag, value] of randomDoubles(tags).entries()) builder.add(numbers[tag] as number, timeOf(at), value)
    },
  }
}
