// Opens a log and compares all that it says with what is known of it from outside (truth.ts). The invariants, by their names in the proof:
//   I1 what was acknowledged is here, or at the destination, or named in the ledger
//   I2 nothing is here that was not given; once; in its order by tag; no number of a stream stands for two readings
//   I4 accepted = delivered + stored + aggregated + lost, and each of them is what is found
//   I5 the files are within the bound · I6 open in time
// and the log goes on: what is appended now is acknowledged, and gets numbers that nobody has seen.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { decodeBlock } from '../../src/columns/index.ts'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { contains, countOf, difference, intersection, union, withInterval } from '../../src/core/intervals.ts'
import type { LedgerRow, Taken } from '../../src/core/log.ts'
import { streamKey, streamOf } from '../../src/core/stream.ts'
import type { Opened } from './opened.ts'
import { UPLINK } from './options.ts'
import { addReading, CLASSES, classOf, CYCLE, readingsOf, tagOf, timeOf } from './readings.ts'
import type { Truth } from './truth.ts'

export interface Expectation {
  readonly bytesMax: number
  /** The disk forgot what it had said to be safe: what is missing is no fault, what is said wrongly is. */
  readonly rolledBack?: boolean
}

/** An uplink that is in no settings and has nothing: it is given all that the log holds. */
const READER = 'checker'
const OPEN_MS_MAX = 10_000
const PUBLISH_MS_MAX = 10_000
const FAULTS_SAID_MAX = 8

interface Found {
  /** By stream: sequence and number of each reading. */
  readonly readings: Map<string, Map<number, number>>
  /** By place in the gap streams. */
  readonly rows: Map<string, LedgerRow>
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
    const found = await readAll(log, truth, faults)
    checkNumbers(found, truth, faults)
    checkStreams(found, truth, faults, expected)
    if (!expected.rolledBack) {
      checkAcknowledged(found, truth, faults)
      await checkAccounts(log, found, truth, faults)
    } else await checkEpoch(log, found, truth, faults)
    await checkGoesOn(log, found, truth, faults)
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

async function takeAll(log: Opened, take: (taken: Taken) => void): Promise<void> {
  for (let isMore = true; isMore; ) {
    isMore = false
    for (const lane of ['backlog', 'live'] as const) {
      const taken = await log.reader.next({ uplink: READER, lane, except: [], bytesMax: 8e6, readingsMax: 100_000 })
      take(taken)
      isMore ||= taken.ranges.length > 0
    }
  }
}

async function readAll(log: Opened, truth: Truth, faults: string[]): Promise<Found> {
  const readings: Found['readings'] = new Map()
  const rows: Found['rows'] = new Map()
  for (const row of truth.gaps) addRow(rows, row, faults)
  const take = (taken: Taken) => takeReadings(taken, readings, rows, faults)
  const until = performance.now() + PUBLISH_MS_MAX
  for (;;) {
    await takeAll(log, take)
    const heads = await log.reader.heads()
    // Lines get their places a moment after they are written, and those that an uplink has may be gone here.
    const isWhole = Object.entries(heads).every(([key, { lost }]) => lost <= namedIn(rows, key))
    if (isWhole || performance.now() > until) return { readings, rows, heads }
    await log.publish()
  }
}

function takeReadings({ slices, series }: Taken, readings: Found['readings'], rows: Found['rows'], faults: string[]): void {
  for (const slice of slices) {
    if (slice.form === 'gap') for (const row of slice.rows) addRow(rows, row, faults)
    if (slice.form !== 'raw') continue
    const key = streamKey(slice.stream)
    const known = readings.get(key) ?? new Map<number, number>()
    readings.set(key, known)
    for (const { sequence, number } of readingsOf(decodeBlock(slice.block), slice.from, slice.to, series)) {
      if (known.has(sequence)) faults.push(`I2: ${key} ${sequence} is here twice`)
      known.set(sequence, number)
    }
  }
}

function addRow(rows: Found['rows'], row: LedgerRow, faults: string[]): void {
  const place = `${streamKey({ ...row.stream, form: 'gap' })} ${row.sequence}`
  const known = rows.get(place)
  if (known && JSON.stringify(known) !== JSON.stringify(row))
    faults.push(`I2: the gap record ${place} changed: ${JSON.stringify(known)}, now ${JSON.stringify(row)}`)
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

/** I1, reading by reading: a line of the ledger names times and a count, and times tell numbers. */
function checkAcknowledged(found: Found, truth: Truth, faults: string[]): void {
  const places = placesOf(found, truth, [])
  const rows = [...found.rows.values()]
  for (const name of CLASSES) {
    const losses = rows.filter((it) => it.stream.class === name && isLoss(it))
    const times = losses.reduce<Intervals>((set, it) => withInterval(set, it.timeFrom, it.timeTo + 1), [])
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
    const rows = [...found.rows.values()].filter((it) => it.stream.class === account.name)
    const here = [...found.readings].filter(([key]) => mine(key))
    const lost = Object.values(account.lost).reduce((sum, n) => sum + n, 0)
    const expected = {
      accepted: keys.reduce((sum, key) => sum + (found.heads[key]?.next ?? 0), 0),
      delivered: sent.reduce((sum, [, known]) => sum + known.size, 0),
      stored: here.reduce((sum, [key, known]) => sum + [...known.keys()].filter((it) => !truth.sent.get(key)?.has(it)).length, 0),
      givenUp: rows.reduce((sum, it) => sum + it.count, 0),
    }
    const { accepted, delivered, stored, aggregated } = account
    const said = { accepted, delivered, stored, givenUp: lost + aggregated }
    // Streams of epochs that are over and done with are in the account alone.
    if (sent.some(([key]) => !found.heads[key])) Object.assign(expected, { accepted })
    if (accepted !== delivered + stored + aggregated + lost || JSON.stringify(said) !== JSON.stringify(expected))
      faults.push(`I4: ${account.name} says ${JSON.stringify(account)}, found is ${JSON.stringify(expected)}`)
    if (account.lost['unaccounted']) faults.push(`I4: ${account.name}: ${account.lost['unaccounted']} are unaccounted for`)
  }
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
async function checkGoesOn(log: Opened, found: Found, truth: Truth, faults: string[]): Promise<void> {
  const builder = new BatchBuilder(newOrigin(0))
  const from = truth.given
  for (let n = from; n < from + CYCLE; n++) addReading(builder, n, 8)
  await log.append(builder.take(timeOf(from)))
  const fresh: Found = { readings: new Map(), rows: new Map(), heads: {} }
  await takeAll(log, (taken) => takeReadings(taken, fresh.readings, fresh.rows, faults))
  const numbers = [...fresh.readings.values()].flatMap((it) => [...it.values()]).sort((a, b) => a - b)
  if (numbers.length !== CYCLE || numbers[0] !== from)
    faults.push(`I1: ${CYCLE} more from ${from} on were acknowledged; here are ${numbers.join(' ')}`)
  for (const [key, known] of fresh.readings)
    for (const sequence of known.keys())
      if (truth.sent.get(key)?.has(sequence) || found.readings.get(key)?.has(sequence))
        faults.push(`I2: ${key} ${sequence} was given out a second time`)
}
