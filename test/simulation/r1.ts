// R1: the wind turbine of test/situations, offline for a month, in simulated time: a log that fills, gives up by its ladders, is stopped and killed now
// and then, foretells on its first day what will be left, and is sent when the link is back.
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { spaceOf } from '../../src/log/space.ts'
import type { ClassSettings } from '../../src/core/settings.ts'
import { forecastRequest } from '../../src/pipeline/forecast-request.ts'
import { forecast } from '../../src/retention/forecast.ts'
import { windowsOf } from '../../src/retention/ladder.ts'
import { FREED_SHARE_MIN } from '../../src/retention/plan.ts'
import type { Forecast, ForecastRequest, LadderStep } from '../../src/core/retention.ts'
import type { ClassStatus } from '../../src/core/status.ts'
import { books, bytesOnDisk, checkBooks } from '../log/helpers.ts'
import type { Campaign, Round } from '../prove/campaign.ts'
import { situation } from '../situations/read.ts'
import { drain } from './drain.ts'
import type { Held } from './holds.ts'
import { held } from './holds.ts'
import type { Lives } from './life.ts'
import { lives } from './life.ts'
import type { Turbine, TurbineSize } from './turbine.ts'
import { readingsBefore, turbine } from './turbine.ts'

/** What is proven is what a box is set to. */
const TURBINE = situation('wind-turbine')

interface Size extends TurbineSize {
  readonly name: string
  readonly days: number
  readonly bytesMax: number
  /** Seconds between two batches, and between two looks of the keeper. */
  readonly batch: number
  readonly work: number
  /** 0 to 1, of bytesMax: where the process data gets one minute's aggregates, and where debug data ends. Absent: as the settings have it. */
  readonly fills?: Readonly<Record<'process' | 'debug', number>>
  /** Every so many process tags are compared reading by reading. */
  readonly compared: number
  readonly endings: number
  readonly transactions: number
}

/** The month in three days: ladders in a tenth of their time. */
const SMALL: Size = {
  name: 'a month in three days',
  days: 3,
  processTags: 24,
  debugTags: 3,
  isNoise: false,
  bytesMax: 32_000_000,
  batch: 25,
  work: 100,
  // So much of it as of a month's log where this fills: on day 18.
  fills: { process: 0.18, debug: 0.1 },
  compared: 1,
  endings: 12,
  transactions: Infinity,
}
/** No step by fill comes before it is full: what is stored has to be reduced. */
const TIGHT: Size = {
  ...SMALL,
  name: 'a month of noise in three days',
  processTags: 16,
  debugTags: 1,
  isNoise: true,
  fills: { process: 1, debug: 1 },
}
/** All tags for half a day, the log in about the same proportion: blocks have three fifths of it. */
const ALL_TAGS: Size = {
  name: 'a month in half a day, all tags',
  days: 0.5,
  processTags: 1000,
  debugTags: 100,
  isNoise: false,
  bytesMax: 50_000_000,
  batch: 10,
  work: 30,
  fills: { process: 0.5, debug: 0.35 },
  compared: 20,
  endings: 10,
  transactions: Infinity,
}
const FULL: Size = {
  name: 'a month',
  days: 30,
  processTags: 1000,
  debugTags: 100,
  isNoise: false,
  bytesMax: TURBINE.log.bytesMax,
  batch: 10,
  work: 60,
  compared: 50,
  endings: 20,
  transactions: 200,
}

const HOUR = 3600
const DAY = 24 * HOUR
const MONTH_DAYS = 30
const FORETOLD_WITHIN = 0.1
/** In a log of a few dozen segments each of them, and the notes in it, is a tenth of what the forecast foretells. */
const FORETOLD_SMALL_WITHIN = 0.25
const LARGE_BYTES = 1_000_000_000
/** Bytes of noise are told, not compared: on the first day no aggregate of it is there to say what one takes (open: up to 43 % off). */
const within = ({ bytesMax }: Size) => (bytesMax < LARGE_BYTES ? FORETOLD_SMALL_WITHIN : FORETOLD_WITHIN)
/** Of what a class has accepted: what is less than that is compared by it. */
const FORETOLD_LEAST = 0.1
/** … of noise more: when room was made last hangs on bytes that nobody could tell, and what came since is still there (seen: 2.6 % of a class, of 0 foretold). */
const FORETOLD_LEAST_NOISE = 0.2
const leastOf = ({ isNoise }: Size) => (isNoise ? FORETOLD_LEAST_NOISE : FORETOLD_LEAST)
/** Of the bound: a class of fewer bytes is compared by that. */
const FORETOLD_BYTES_LEAST = 0.001
/** … in a small log by a segment, which is given up as a whole. */
const FORETOLD_BYTES_LEAST_SMALL = 0.02
/** Whoever had fewer readings on the first day is told, not compared: nobody knows a class by a handful. */
const FORETOLD_OF_LEAST = 100
/**
 * Aggregates that save hardly more or hardly less than what a reduction has to (FREED_SHARE_MIN) take as much as raw readings: which of the two there will
 * be nobody can tell, and the bytes are the same. Then how many are raw is told, not compared.
 */
const EDGE = 0.035
/** Refused readings come by chance: of a class of few nobody knows the share after a day. */
const FORETOLD_LOST_LEAST = 0.2

/** The turbine's classes: a shorter month has shorter steps, a smaller log a smaller floor. */
function classesOf({ days, bytesMax, fills }: Size): ClassSettings[] {
  const step = (name: string, { offlineForMs, filledTo, keep }: LadderStep): LadderStep => ({
    ...(offlineForMs !== undefined && { offlineForMs: (offlineForMs * days) / MONTH_DAYS }),
    ...(filledTo !== undefined && { filledTo: fills?.[name as keyof typeof fills] ?? filledTo }),
    keep,
  })
  return TURBINE.classes.map((it) => ({
    ...it,
    floorBytes: (it.floorBytes * bytesMax) / TURBINE.log.bytesMax,
    ladder: it.ladder.map((one) => step(it.name, one)),
  }))
}

function checkHour(log: Lives, bytesMax: number): void {
  const bytes = bytesOnDisk(log.dir())
  if (bytes > bytesMax) throw new Error(`I5: ${bytes} bytes on disk after ${log.now()} s`)
  // Throws where accepted is not delivered + stored + aggregated + lost.
  for (const it of log.writer().figures().classes)
    assert.equal(it.accepted, log.acked.get(it.name), `${it.name}: accepted and acknowledged after ${log.now()} s`)
}

interface Told extends Forecast {
  /** By class, when it was made. */
  readonly lostBefore: ReadonlyMap<string, number>
  readonly acceptedBefore: ReadonlyMap<string, number>
  readonly onEdge: ReadonlySet<string>
}

const lostOf = (it: { readonly lost: Readonly<Record<string, number>> }) => Object.values(it.lost).reduce((sum, n) => sum + n, 0)

/** Whoever asks on the first day what will be left at the month's end. */
function foretell(log: Lives, bytesMax: number, offlineMs: number): Told {
  const state = log.writer().state()
  const figures = log.writer().figures()
  const { segmentsBytesMax, segmentBytesMax } = spaceOf(bytesMax)
  const request = forecastRequest(
    {
      bytesMax,
      // One of them is kept free for what is sealed next.
      blockBytesMax: segmentsBytesMax - segmentBytesMax,
      classes: state.classes,
      figures: figures.classes,
      bands: log.keeper().bands(),
      rates: new Map(figures.classes.map((it) => [it.name, it.accepted / log.now()])),
      tried: log.keeper().tryAggregates(state.classes.map((it) => ({ name: it.name, windowsMs: windowsOf(it) }))),
      bytesWrittenPerDay: 0,
      flashEnduranceBytes: null,
    },
    offlineMs,
  )
  const before = (of: (it: ClassStatus) => number) => new Map(figures.classes.map((it) => [it.name, of(it)]))
  return {
    ...forecast(request),
    lostBefore: before(lostOf),
    acceptedBefore: before((it) => it.accepted),
    onEdge: onEdge(request),
  }
}

/** Classes one of whose steps saves about as much as it has to. */
function onEdge({ classes }: ForecastRequest): Set<string> {
  const isOn = ({ aggregateBytes = [], bytesPerReading, readingsPerSecond, series }: ForecastRequest['classes'][number]) =>
    aggregateBytes.some(({ windowMs, bytes }) => {
      const readings = (readingsPerSecond * windowMs) / 1000 / series
      return Math.abs(bytes / (readings * bytesPerReading) - (1 - FREED_SHARE_MIN)) < EDGE
    })
  return new Set(classes.filter(isOn).map((it) => it.name))
}

interface Outage {
  readonly size: Size
  readonly source: Turbine
  readonly log: Lives
  readonly round: Round
}

/** A day of a whole month takes a minute and more. */
function tellDay({ size, log }: Outage, begunAt: number): void {
  const [day, left] = [log.now() / DAY, (size.days * DAY) / log.now() - 1]
  const minutes = Math.ceil(((performance.now() - begunAt) * left) / 60_000)
  console.log(`${size.name}: day ${day} of ${size.days}, about ${minutes} min left for the outage`)
}

/** The whole outage, with its ends of lives, looked at every hour. */
function endure(outage: Outage): Told {
  const { size, log, round } = outage
  const seconds = size.days * DAY
  const begunAt = performance.now()
  const dayAt = Math.ceil(seconds / MONTH_DAYS / size.batch) * size.batch
  let foretold: Told | undefined
  while (log.now() < seconds) {
    log.bring(Math.min(seconds, log.now() + size.batch))
    if (log.now() % size.work === 0) log.work()
    if (log.now() >= dayAt) foretold ??= foretell(log, size.bytesMax, (seconds - log.now()) * 1000)
    if (log.now() % HOUR !== 0) continue
    checkHour(log, size.bytesMax)
    if (size.days === MONTH_DAYS && log.now() % DAY === 0) tellDay(outage, begunAt)
    if (round.dice.next() < (size.endings * HOUR) / seconds) log.end(round.dice.oneOf(['stop', 'kill', 'kill-at-work', 'boot']))
  }
  log.tick(5000)
  // What is fresh is sealed, reduced or dropped too: the forecast knows of no fresh blocks.
  log.work(true)
  checkHour(log, size.bytesMax)
  return foretold as Told
}

/** Alarms and the meter whole; of everything else each reading raw, in an aggregate, or named. */
function checkHeld({ size, source, log }: Outage): Map<string, Held> {
  const figures = log.writer().figures()
  checkBooks(log.dir(), figures)
  const isCompared = (it: { class: string; number: number }) => it.class !== 'process' || it.number % size.compared === 0
  const found = held(log.dir(), source, log.now() - 5, isCompared)
  for (const [name, tags] of source.tags) {
    const account = figures.classes.find((it) => it.name === name)
    const is = found.get(name)
    if (!account || !is) throw new Error(`${name}: nothing of it`)
    const { unreadable = 0, ...given } = account.lost
    assert.equal(
      account.accepted,
      tags.reduce((sum, it) => sum + readingsBefore(it, log.now() - 5), 0),
      `${name}: brought`,
    )
    assert.deepEqual({ raw: is.raw, aggregated: is.aggregated }, { raw: account.stored, aggregated: account.aggregated }, name)
    const lost = Object.values(given).reduce((sum, it) => sum + it, 0)
    if (tags.every(isCompared)) assert.equal(is.missing, lost, `${name}: given up`)
    assert.ok(unreadable > 0, `${name}: none refused`)
    if (name === 'alarm' || name === 'meter') assert.equal(is.raw + unreadable, account.accepted, `${name}: not whole`)
  }
  return found
}

interface Foretold {
  /** There was enough of its class to foretell by, and it stands on no edge. */
  readonly isKnown: boolean
  readonly what: string
  readonly foretold: number
  readonly is: number
  /** Of what it is. */
  readonly off: number
}

function compare({ size, log }: Outage, { classes, lostBefore, acceptedBefore, onEdge: edges }: Told): Foretold[] {
  const figures = log.writer().figures().classes
  return classes.flatMap((it) => {
    const account = figures.find(({ name }) => name === it.name)
    if (!account) return []
    const lost = lostOf(account) - (lostBefore.get(it.name) ?? 0)
    const { stored, aggregated, accepted, bytes } = account
    const isKnown = (acceptedBefore.get(it.name) ?? 0) >= FORETOLD_OF_LEAST
    const isOnEdge = (what: string) => edges.has(it.name) && (what === 'raw' || what === 'aggregated')
    const row = (what: string, foretold: number, is: number, least: number): Foretold => ({
      what: `${it.name} ${what}`,
      isKnown: isKnown && !isOnEdge(what),
      foretold,
      is,
      off: Math.abs(foretold - is) / Math.max(is, least),
    })
    return [
      row('raw', it.raw, stored, accepted * leastOf(size)),
      row('aggregated', it.aggregated, aggregated, accepted * leastOf(size)),
      row('lost', it.lost, lost, accepted * FORETOLD_LOST_LEAST),
      row(
        'bytes',
        it.bytes,
        bytes,
        size.bytesMax * (size.bytesMax < LARGE_BYTES ? FORETOLD_BYTES_LEAST_SMALL : FORETOLD_BYTES_LEAST),
      ),
    ]
  })
}

/** Everything arrives once; what is not sent is still there. */
function checkDrain({ size, log, round }: Outage): string {
  const before = log.writer().figures()
  const { transactions, arrived, isAll } = drain(log, round.dice, size.transactions)
  const after = log.writer().figures()
  checkBooks(log.dir(), after)
  for (const it of after.classes) {
    const was = before.classes.find(({ name }) => name === it.name)
    assert.equal(it.accepted, was?.accepted, `${it.name}: accepted`)
    if (isAll) assert.equal(it.stored, 0, `${it.name}: drained, and still stored`)
    if (isAll) assert.equal(it.delivered, was?.stored, `${it.name}: delivered`)
  }
  const given = [...arrived].filter(([key]) => key.endsWith(':raw')).flatMap(([, set]) => set)
  const delivered = after.classes.reduce((sum, it) => sum + it.delivered, 0)
  assert.equal(
    given.reduce((sum, it) => sum + it.to - it.from, 0),
    delivered,
    'arrived and delivered',
  )
  return `${transactions} transactions${isAll ? '' : ', then stopped'}`
}

/** One outage from its first second to the drain; `say` hears the figures. */
async function outage(round: Round, size: Size, say: (text: string) => void): Promise<void> {
  const source = turbine(round.seed + round.number, size)
  const log = lives(round.dir, source, classesOf(size), size.bytesMax)
  const it: Outage = { size, source, log, round }
  const from = performance.now()
  let foretold: Told | undefined
  await round.case(`${size.name}: bound and accounts every hour`, async () => void (foretold = endure(it)))
  if (!foretold) return
  say(figuresOf(it, performance.now() - from))
  await round.case(`${size.name}: every reading raw, in an aggregate or named`, async () => void checkHeld(it))
  const rows = compare(it, foretold)
  say(rows.map((row) => `  ${row.what}: foretold ${row.foretold}, is ${row.is}, ${(row.off * 100).toFixed(1)} % off`).join('\n'))
  await round.case(`${size.name}: foretold on the first day`, async () =>
    assert.deepEqual(
      rows.filter((row) => row.isKnown && row.off > within(size) && !(size.isNoise && row.what.endsWith(' bytes'))),
      [],
    ),
  )
  await round.case(`${size.name}: sent`, async () => say(`  ${checkDrain(it)}`))
  log.close()
}

function figuresOf({ size, log }: Outage, ms: number): string {
  const { classes, bytes } = log.writer().figures()
  const accepted = classes.reduce((sum, it) => sum + it.accepted, 0)
  const lines = classes.map(
    (it) =>
      `  ${it.name}: accepted ${it.accepted}, raw ${it.stored}, aggregated ${it.aggregated}, lost ${JSON.stringify(it.lost)}, ${it.bytes} bytes, ${it.step}`,
  )
  const streams = books(log.dir()).length
  return [
    `${size.name}: ${accepted} readings in ${(ms / 1000).toFixed(1)} s, ${bytes} of ${size.bytesMax} bytes, ${streams} raw streams`,
    ...lines,
  ].join('\n')
}

/** Every tenth round brings all tags for half a day, the twentieth for the month. */
function sizesOf(seed: number, number: number): Size[] {
  if (number % 20 === 19) return [FULL]
  return number % 10 === 9 ? [ALL_TAGS] : [(seed + number) % 2 === 0 ? TIGHT : SMALL]
}

export const r1: Campaign = {
  id: 'R1',
  what: 'a month offline',
  short: 8,
  long: 160,
  async run(round) {
    for (const it of sizesOf(round.seed, round.number))
      await outage({ ...round, dir: mkdtempSync(join(round.dir, 'outage-')) }, it, (text) => console.log(text))
  },
}
