// Opens a log and compares all that it says with what is known of it from outside (truth.ts). The invariants, by their names in the proof:
//   I1 what was acknowledged is here, or at the destination, or named in the ledger
//   I2 nothing is here that was not given; once; in its order by tag; no number of a stream stands for two readings
//   I4 accepted = delivered + stored + aggregated + lost, and each of them is what is found
//   I5 the files are within the bound · I6 open in time
// and the log goes on: what is appended now is acknowledged, and gets numbers that nobody has seen.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { decodeAggregates } from '../../src/columns/aggregates/index.ts'
import { decodeBlock } from '../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { contains, countOf, difference, intersection, union, withInterval } from '../../src/core/intervals.ts'
import type { LedgerRow, Taken } from '../../src/core/log.ts'
import type { StreamRange } from '../../src/core/stream.ts'
import { streamKey, streamOf } from '../../src/core/stream.ts'
import type { Opened } from './opened.ts'
import { READER, UPLINK } from './options.ts'
import { addReading, CLASSES, classOf, CYCLE, readingsOf, standsFor, tagOf, timeOf } from './readings.ts'
import type { SaidLine, Truth } from './truth.ts'
import { isJustOf, isPartOf, linesOf } from './truth.ts'

export interface Expectation {
  readonly bytesMax: number
  /** The disk forgot what it had said to be safe: what is missing is no fault, what is said wrongly is. */
  readonly rolledBack?: boolean
  /** Everything is sealed before it is looked at. */
  readonly seals?: boolean
  /** Of some class only aggregates leave: readings of it are told once aggregates stand for them. */
  readonly forwards?: boolean
}

const OPEN_MS_MAX = 10_000
const PUBLISH_MS_MAX = 10_000
const FAULTS_SAID_MAX = 8

interface Found {
  /** By stream: sequence and number of each reading. */
  readonly readings: Map<string, Map<number, number>>
  /** By stream: sequence of each aggregate, and how many readings it stands for. */
  readonly aggregates: Map<string, Map<number, number>>
  /** By place in the gap streams. */
  readonly rows: Map<string, LedgerRow>
  readonly ranges: StreamRange[]
  readonly heads: Readonly<Record<string, { readonly next: number; readonly lost: number }>>
}

/** Throws an Error that lists what does not hold. `truth` stays as it is. */
export async function checkLog(open: () => Promise<Opened>, dir: string, truth: Truth, expected: Expectation): Promise<void> {
  const begun = performance.now()
  const log = await open()
  const openMs = performance.now() - begun
  const faults: string[] = [...truth.wrong]
  try {
    if (openMs > OPEN_MS_MAX) faults.push(`I6: opening took ${Math.round(openMs)} ms`)
    const position = truth.position && { transaction: truth.position.transaction, delivered: new Map(truth.position.delivered) }
    await log.reader.restart(UPLINK, position ?? 'none')
    await log.reader.restart(READER, 'none')
    if (expected.seals) await log.seal()
    const found = await readAll(log, truth, faults, expected)
    checkNumbers(found, truth, faults)
    checkStreams(found, truth, faults, expected)
    if (!expected.rolledBack) {
      checkAcknowledged(found, truth, faults)
      await checkAccounts(log, found, truth, faults)
    } else await checkEpoch(log, found, truth, faults)
    await checkGoesOn(log, found, truth, faults, expected)
    await log.figures()
    const bytes = bytesOn(dir)
    if (bytes > expected.bytesMax) faults.push(`I5: ${bytes} bytes on disk, the bound is ${expected.bytesMax}`)
  } catch (error) {
    faults.push(`it threw: ${(error as Error).stack ?? String(error)}`)
  }
  await log.close().catch((error: unknown) => faults.push(`closing threw: ${String(error)}`))
  if (faults.length > 0) throw new Error(faults.slice(0, FAULTS_SAID_MAX).join('\n'))
}

export function bytesOn(dir: string): number {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => {
    const it = statSync(join(dir, name), { throwIfNoEntry: false })
    return sum + (it?.isFile() ? it.size : 0)
  }, 0)
}

// --- what is there ---------------------------------------------------------------------------------------------------

/** All that it has not been given yet. What was given is under way until the next restart: retention leaves it alone meanwhile. */
async function takeAll(log: Opened, taken: Found, faults: string[]): Promise<void> {
  for (let isMore = true; isMore; ) {
    isMore = false
    for (const lane of ['backlog', 'live'] as const) {
      const more = await log.reader.next({ uplink: READER, lane, except: [], bytesMax: 8e6, readingsMax: 100_000 })
      takeSlices(more, taken, faults)
      taken.ranges.push(...more.ranges)
      isMore ||= more.ranges.length > 0
    }
    if (!isMore) return
    // Between being read and being offered it may have been given up.
    for (const { stream, from, to } of await log.reader.offer(READER, taken.ranges, {})) {
      const known = taken.readings.get(stream) ?? taken.aggregates.get(stream)
      for (const sequence of known?.keys() ?? []) if (from <= sequence && sequence < to) known?.delete(sequence)
    }
  }
}

async function readAll(log: Opened, truth: Truth, faults: string[], { forwards }: Expectation): Promise<Found> {
  const found = nothingFound()
  for (const it of truth.gaps) addRow(found.rows, it, faults)
  const until = performance.now() + PUBLISH_MS_MAX
  for (;;) {
    await takeAll(log, found, faults)
    const heads = await log.reader.heads()
    // Lines get their places a moment after they are written, and those that an uplink has may be gone here.
    // What the keeper has in hands just then is not given out.
    const isWhole = Object.entries(heads).every(
      ([key, { next, lost }]) => lost <= namedIn(found.rows, key) && (isGap(key) || isCovered(found, key, next)),
    )
    if (isWhole || performance.now() > until) return { ...found, heads }
    if (forwards) await log.seal()
    await log.publish()
  }
}

const nothingFound = (): Found => ({ readings: new Map(), aggregates: new Map(), rows: new Map(), ranges: [], heads: {} })
const isGap = (key: string) => streamOf(key).form === 'gap'

function isCovered({ ranges }: Found, key: string, next: number): boolean {
  const mine = ranges.filter((it) => it.stream === key).reduce<Intervals>((set, it) => withInterval(set, it.from, it.to), [])
  return next === 0 || contains(mine, 0, next)
}

function mapOf(all: Map<string, Map<number, number>>, key: string): Map<number, number> {
  const known = all.get(key) ?? new Map<number, number>()
  all.set(key, known)
  return known
}

function takeSlices({ slices, series }: Taken, { readings, aggregates, rows }: Found, faults: string[]): void {
  for (const slice of slices) {
    const key = streamKey(slice.stream)
    if (slice.form === 'gap') {
      // 'elsewhere' says what one uplink never got, and another has.
      for (const it of linesOf(slice)) if (it.row.action !== 'elsewhere') addRow(rows, it, faults)
      continue
    }
    if (slice.form === 'event') continue
    const known = mapOf(slice.form === 'raw' ? readings : aggregates, key)
    const found =
      slice.form === 'raw'
        ? readingsOf(decodeBlock(slice.block), slice.from, slice.to, series).map((it) => [it.sequence, it.number] as const)
        : standsFor(decodeAggregates(slice.block), slice.from, slice.to)
    for (const [sequence, it] of found) {
      if (known.has(sequence)) faults.push(`I2: ${key} ${sequence} is here twice`)
      known.set(sequence, it)
    }
  }
}

function addRow(rows: Found['rows'], { gap, row }: SaidLine, faults: string[]): void {
  const place = `${gap} ${row.sequence}`
  const known = rows.get(place)
  if (known && JSON.stringify(known) !== JSON.stringify(row)) {
    if (!isPartOf(known, row) || !isJustOf(rows.values(), row))
      faults.push(`I2: the gap record ${place} changed: ${JSON.stringify(known)}, now ${JSON.stringify(row)}`)
    for (const [key, it] of rows) if (isPartOf(it, row)) rows.delete(key)
  }
  rows.set(place, row)
}

const rowsOf = (rows: Found['rows'], key: string) => [...rows.values()].filter((it) => streamKey(it.stream) === key)
const namedIn = (rows: Found['rows'], key: string) => rowsOf(rows, key).reduce((sum, it) => sum + it.count, 0)

// --- what must hold ----------------------------------------------------------------------------------------------------

/** All readings that are here or at the destination: by number, where. */
function placesOf({ readings }: Pick<Found, 'readings'>, truth: Truth, faults: string[]): Map<number, string> {
  const places = new Map<number, string>()
  for (const [key, known] of [...truth.sent, ...readings])
    for (const [sequence, number] of known) {
      const place = `${key} ${sequence}`
      const other = places.get(number)
      if (other !== undefined && other !== place) faults.push(`I2: reading ${number} is ${other} and ${place}`)
      places.set(number, place)
    }
  return places
}

/** Each number once, given, of the right class, and in its order by tag. */
function checkNumbers(found: Found, truth: Truth, faults: string[]): void {
  for (const number of placesOf(found, truth, faults).keys())
    if (number >= truth.given) faults.push(`I2: reading ${number} was never given (${truth.given} were)`)
  for (const key of new Set([...truth.sent.keys(), ...found.readings.keys()])) {
    const here = found.readings.get(key) ?? new Map<number, number>()
    const there = truth.sent.get(key) ?? new Map<number, number>()
    const last = new Map<string, number>()
    for (const sequence of [...new Set([...here.keys(), ...there.keys()])].sort((a, b) => a - b)) {
      const number = (here.get(sequence) ?? there.get(sequence)) as number
      if (there.has(sequence) && there.get(sequence) !== number)
        faults.push(`I2: ${key} ${sequence} is reading ${number} here, the destination has ${there.get(sequence)}`)
      if (classOf(number) !== streamOf(key).class) faults.push(`I2: reading ${number} is in ${key}`)
      if ((last.get(tagOf(number)) ?? -1) >= number)
        faults.push(`I2: ${tagOf(number)}: ${number} after ${last.get(tagOf(number))}`)
      last.set(tagOf(number), number)
    }
  }
}

function setOf(sequences: Iterable<number>): Intervals {
  return [...sequences].sort((a, b) => a - b).reduce<Intervals>((set, it) => withInterval(set, it, it + 1), [])
}

/** Every number of a stream is a reading here, one at the destination, or named; never two of these but for a copy that is kept. */
function checkStreams({ readings, rows, heads }: Found, truth: Truth, faults: string[], { rolledBack }: Expectation): void {
  for (const key of readings.keys()) if (!heads[key]) faults.push(`I2: ${key} has readings and no head`)
  for (const [key, { next }] of Object.entries(heads)) {
    if (streamOf(key).form !== 'raw') continue
    const here = union(setOf(readings.get(key)?.keys() ?? []), setOf(truth.sent.get(key)?.keys() ?? []))
    let named: Intervals = []
    for (const row of rowsOf(rows, key)) {
      if (row.action === 'damaged') faults.push(`I1: ${key} ${row.from} to ${row.to} is damaged`)
      if (row.exact && row.count !== row.to - row.from)
        faults.push(`I4: a gap record of ${key} counts ${row.count}: ${JSON.stringify(row)}`)
      if (countOf(intersection(named, [row])) > 0) faults.push(`I4: ${key} ${row.from} to ${row.to} is named twice`)
      named = union(named, [row])
    }
    const both = intersection(here, named)
    if (countOf(both) > 0) faults.push(`I4: ${key}: here and named: ${JSON.stringify(both)}`)
    if (rolledBack) continue
    const whole = next > 0 ? [{ from: 0, to: next }] : []
    const holes = difference(difference(whole, here), named)
    if (countOf(holes) > 0) faults.push(`I1: ${key}: neither here nor named: ${JSON.stringify(holes)}`)
    const beyond = difference(union(here, named), whole)
    if (countOf(beyond) > 0) faults.push(`I2: ${key} ends at ${next}, and has ${JSON.stringify(beyond)}`)
  }
}

const isLoss = (row: LedgerRow) => row.action !== 'refused' && row.action !== 'overflowed'

const lossesOf = ({ rows }: Found, name: string) =>
  [...rows.values()].filter((it) => it.stream.class === name && it.stream.form === 'raw' && isLoss(it))
const lossTimes = (found: Found, name: string) =>
  lossesOf(found, name).reduce<Intervals>((set, it) => withInterval(set, it.timeFrom, it.timeTo + 1), [])

/** I1, reading by reading: a line of the ledger names times and a count, and times tell numbers. */
function checkAcknowledged(found: Found, truth: Truth, faults: string[]): void {
  const places = placesOf(found, truth, [])
  const rows = [...found.rows.values()].filter((it) => it.stream.form === 'raw')
  for (const name of CLASSES) {
    const losses = lossesOf(found, name)
    const times = lossTimes(found, name)
    const named = losses.reduce((sum, it) => sum + it.count, 0)
    const gone = numbersOf(name, [{ from: 0, to: truth.given }]).filter((n) => !places.has(n))
    const lost = gone.filter((n) => contains(truth.acked, n, n + 1))
    const unnamed = lost.filter((n) => !contains(times, timeOf(n), timeOf(n) + 1))
    if (unnamed.length > 0)
      faults.push(`I1: ${name}: acknowledged, not here, not named: ${unnamed.slice(0, 20).join(' ')} (${unnamed.length})`)
    if (lost.length > named || named > gone.length)
      faults.push(`I1: ${name}: ${named} are named, ${lost.length} acknowledged ones are gone, ${gone.length} in all`)
  }
  const refused = rows.filter((it) => !isLoss(it)).reduce((sum, it) => sum + it.count, 0)
  if (refused < truth.refusedAcked || refused > truth.refusedGiven)
    faults.push(`I1: ${refused} refused ones are named, ${truth.refusedAcked} were acknowledged, ${truth.refusedGiven} given`)
}

function numbersOf(name: string, ranges: Intervals): number[] {
  return ranges
    .flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))
    .filter((n) => classOf(n) === name)
}

/** I4, class by class. */
async function checkAccounts(log: Opened, found: Found, truth: Truth, faults: string[]): Promise<void> {
  for (const account of (await log.figures()).classes) {
    const mine = (key: string) => streamOf(key).class === account.name && streamOf(key).form === 'raw'
    const keys = Object.keys(found.heads).filter(mine)
    const sent = [...truth.sent].filter(([key]) => mine(key))
    const rows = [...found.rows.values()].filter((it) => it.stream.class === account.name && it.stream.form === 'raw')
    const here = [...found.readings].filter(([key]) => mine(key))
    const lost = Object.values(account.lost).reduce((sum, n) => sum + n, 0)
    const expected = {
      accepted: keys.reduce((sum, key) => sum + (found.heads[key]?.next ?? 0), 0),
      delivered: sent.reduce((sum, [, known]) => sum + known.size, 0),
      stored: here.reduce((sum, [key, known]) => sum + [...known.keys()].filter((it) => !truth.sent.get(key)?.has(it)).length, 0),
      givenUp: rows.reduce((sum, it) => sum + it.count, 0),
      aggregated: aggregatedOf(found, truth, account.name),
    }
    const { accepted, delivered, stored, aggregated } = account
    const said = { accepted, delivered, stored, givenUp: lost + aggregated, aggregated }
    // Streams of epochs that are over and done with are in the account alone.
    if (sent.some(([key]) => !found.heads[key])) Object.assign(expected, { accepted })
    if (accepted !== delivered + stored + aggregated + lost || JSON.stringify(said) !== JSON.stringify(expected))
      faults.push(`I4: ${account.name} says ${JSON.stringify(account)}, found is ${JSON.stringify(expected)}`)
    if (account.lost['unaccounted']) faults.push(`I4: ${account.name}: ${account.lost['unaccounted']} are unaccounted for`)
  }
}

/** Readings that aggregates stand for, here or at the destination. */
function aggregatedOf(found: Found, truth: Truth, name: string): number {
  const all = new Map<string, number>()
  for (const [key, known] of [...truth.aggregates, ...found.aggregates])
    if (streamOf(key).class === name) for (const [sequence, readings] of known) all.set(`${key} ${sequence}`, readings)
  return [...all.values()].reduce((sum, it) => sum + it, 0)
}

/** The destination has numbers that this log has not given out: their epoch is over, its end unknown. */
async function checkEpoch(log: Opened, { heads }: Found, truth: Truth, faults: string[]): Promise<void> {
  const { epoch } = await log.figures()
  for (const [key, known] of truth.sent) {
    const head = heads[key]?.next ?? 0
    if (streamOf(key).epoch === epoch && [...known.keys()].some((it) => it >= head))
      faults.push(`I2: the epoch ${epoch} goes on at ${head} of ${key}, and the destination has later ones`)
  }
}

/** What is appended now is acknowledged, comes back, and stands on numbers that nobody has seen. */
async function checkGoesOn(log: Opened, found: Found, truth: Truth, faults: string[], expected: Expectation): Promise<void> {
  // What is pinned makes no room.
  await log.reader.restart(READER, 'none')
  const builder = new BatchBuilder(newOrigin(0))
  const from = truth.given
  for (let n = from; n < from + CYCLE; n++) addReading(builder, n, 8)
  await log.append(builder.take(timeOf(from)))
  await log.reader.restart(READER, 'none')
  const after = await readAll(log, truth, faults, expected)
  const fresh = [...after.readings].flatMap(([key, known]) =>
    [...known].filter(([, number]) => number >= from).map(([sequence, number]) => ({ key, sequence, number })),
  )
  const here = new Set(fresh.map((it) => it.number))
  for (let n = from; n < from + CYCLE; n++)
    // A step of the ladder may be in force already.
    if (!here.has(n) && !contains(lossTimes(after, classOf(n)), timeOf(n), timeOf(n) + 1))
      faults.push(`I1: reading ${n}, appended last, was acknowledged, is not here and not named`)
  if (here.size !== fresh.length || [...here].some((it) => it >= from + CYCLE))
    faults.push(`I2: ${CYCLE} more from ${from} on were appended; here are ${fresh.map((it) => it.number).join(' ')}`)
  for (const { key, sequence } of fresh)
    if (truth.sent.get(key)?.has(sequence) || found.readings.get(key)?.has(sequence))
      faults.push(`I2: ${key} ${sequence} was given out a second time`)
}
