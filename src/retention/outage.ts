// The log in an outage, simulated: strides of time in which every class grows at one rate, and room made at their ends.
// A stride ends where something changes: a step of a ladder, the log full, a class that has to wait.
import type { Band, ForecastRequest, InForce, LadderStep, PlanStep } from '../core/retention.ts'
import { inForce } from './ladder.ts'
import type { BytesOfWindow } from './plan.ts'
import { aggregateBytesOf, FREED_SHARE_MIN, plan, rowsReduced } from './plan.ts'
import { waitRoomBytes } from './room.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type SimulatedBand = Mutable<Band>
type ForecastInput = ForecastRequest['classes'][number]

/** Strides are as long as an equal part of the outage, but no longer than a band takes to fill, down to the lesser part. */
const STRIDES_LEAST = 300
const STRIDES_MOST = 600
/** Beyond so many, strides no longer end where something changes: a log that goes up and down over a threshold must not take for ever. */
const STRIDES_TO_CHANGES_MAX = 600
/** As the log does it: a band grows up to a segment. */
const BAND_BYTES_MAX = 64_000_000
const BAND_SHARE_MAX = 0.02

export interface ClassWorld {
  readonly cls: ForecastInput
  readonly aggregateBytes: BytesOfWindow
  /** Readings not delivered when the outage began. */
  readonly heldAtBegin: number
  /** Readings since then. */
  accepted: number
  filled: ReadonlySet<LadderStep>
  readonly stepsAt: Map<LadderStep, number>
  fullAtMs: number | null
  waitsAtMs: number | null
  /** The band that still grows; another one as soon as what is kept changes, it is full, or it was reduced. */
  open: SimulatedBand | null
  /** The same of its history. */
  openHistory: SimulatedBand | null
}

export interface World {
  readonly request: ForecastRequest
  readonly classes: readonly ClassWorld[]
  readonly bandBytesMax: number
  bands: SimulatedBand[]
  atMs: number
  strides: number
  nextId: number
  fullAtMs: number | null
}

/** What a class does in one stride, by ms. */
interface Flow {
  readonly of: ClassWorld
  readonly keep: InForce['keep']
  readonly readings: number
  /** Of these, what is not refused. */
  readonly kept: number
  readonly rows: number
  readonly bytes: number
  /** Of readings that stay as history while aggregates of them leave. */
  readonly historyBytes: number
}

export function beginOutage(request: ForecastRequest): World {
  const bandsOf = (name: string) => request.bands.filter((it) => it.class === name)
  const held = (bands: readonly Band[]) => bands.reduce((sum, it) => (it.delivered ? sum : sum + it.readings), 0)
  return {
    request,
    classes: request.classes.map((cls) => ({
      cls,
      aggregateBytes: aggregateBytesOf(bandsOf(cls.name), cls.aggregateBytes, cls.bytesPerReading),
      heldAtBegin: held(bandsOf(cls.name)),
      accepted: 0,
      filled: new Set(),
      stepsAt: new Map(),
      fullAtMs: null,
      waitsAtMs: null,
      open: null,
      openHistory: null,
    })),
    bandBytesMax: Math.min(BAND_BYTES_MAX, request.bytesMax * BAND_SHARE_MAX),
    bands: request.bands.map((it) => ({ ...it })),
    atMs: 0,
    strides: 0,
    nextId: request.bands.reduce((max, it) => Math.max(max, it.id, it.age), 0) + 1,
    fullAtMs: null,
  }
}

/** By class, and by the names of classes that are no longer in the settings. */
export function bytesByClass({ classes, bands }: World): Record<string, number> {
  const bytes = Object.fromEntries(classes.map((it) => [it.cls.name, 0]))
  for (const it of bands) bytes[it.class] = (bytes[it.class] ?? 0) + it.bytes
  return bytes
}

/** One stride on. */
export function advance(world: World): void {
  const undelivered = undeliveredBytes(world)
  const flows = world.classes.map((it) => flowOf(world, it, sumOf(undelivered)))
  const open = flows.map((it) =>
    isWaiting(world, it.of, undelivered) ? { ...it, readings: 0, kept: 0, rows: 0, bytes: 0, historyBytes: 0 } : it,
  )
  const strideMs = strideOf(world, open, undelivered)
  for (const it of open) grow(world, it, strideMs)
  world.atMs += strideMs
  world.strides++
  makeRoom(world)
}

function undeliveredBytes({ bands }: World): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>()
  for (const it of bands) if (!it.delivered) bytes.set(it.class, (bytes.get(it.class) ?? 0) + it.bytes)
  return bytes
}

function sumOf(bytes: ReadonlyMap<string, number>): number {
  return [...bytes.values()].reduce((sum, it) => sum + it, 0)
}

function flowOf({ request, atMs }: World, of: ClassWorld, undelivered: number): Flow {
  const { cls, stepsAt } = of
  const offlineForMs = cls.offlineForMs + atMs
  const now = inForce({ ...cls, offlineForMs, delivering: false }, undelivered / request.bytesMax, of.filled)
  of.filled = now.filledNow
  for (const step of cls.ladder) {
    const holds = step.offlineForMs === undefined ? of.filled.has(step) : offlineForMs >= step.offlineForMs
    if (holds && !stepsAt.has(step)) stepsAt.set(step, atMs)
  }
  const { keep } = now.inForce
  const readings = cls.readingsPerSecond / 1_000
  const kept = readings * (1 - (cls.refusedShare ?? 0))
  if (keep === 'nothing') return { of, keep, readings, kept, rows: 0, bytes: 0, historyBytes: 0 }
  const raw: Flow = { of, keep: 'raw', readings, kept, rows: kept, bytes: kept * cls.bytesPerReading, historyBytes: 0 }
  if (keep === 'raw') return raw
  const rows = Math.min(kept, cls.series / keep.windowMs)
  const bytes = rows * of.aggregateBytes(keep.windowMs)
  if (cls.forwardWindowMs !== undefined) return { of, keep, readings, kept, rows, bytes, historyBytes: raw.bytes }
  // As the log does it.
  return bytes > raw.bytes * (1 - FREED_SHARE_MIN) ? raw : { of, keep, readings, kept, rows, bytes, historyBytes: 0 }
}

function roomOf({ request, bandBytesMax }: World, { cls }: ClassWorld, undelivered: ReadonlyMap<string, number>): number {
  const { classes, blockBytesMax } = request
  return waitRoomBytes(cls, classes, (name) => undelivered.get(name) ?? 0, { blockBytesMax, bandBytesMax })
}

function isWaiting(world: World, of: ClassWorld, undelivered: ReadonlyMap<string, number>): boolean {
  if (of.cls.whenFull === 'reduce' || roomOf(world, of, undelivered) > 0) return false
  of.waitsAtMs ??= world.atMs
  return true
}

/** Up to the next change, in whole ms, and at most a part of the outage. */
function strideOf(world: World, flows: readonly Flow[], undelivered: ReadonlyMap<string, number>): number {
  const { request, atMs, strides } = world
  const bandMs = world.bandBytesMax / filling(flows)
  const regular = Math.max(request.offlineMs / STRIDES_MOST, Math.min(request.offlineMs / STRIDES_LEAST, bandMs))
  const changes = strides < STRIDES_TO_CHANGES_MAX ? changesIn(world, flows, undelivered) : []
  const next = changes.filter((it) => it > 0).reduce((least, it) => Math.min(least, it), regular)
  return Math.min(Math.ceil(next), request.offlineMs - atMs)
}

/** Bytes by ms. */
function growthOf(flows: readonly Flow[]): number {
  return flows.reduce((sum, it) => sum + it.bytes, 0)
}

/** The same with history: what fills the log. */
function filling(flows: readonly Flow[]): number {
  return flows.reduce((sum, it) => sum + it.historyBytes, growthOf(flows))
}

/** When something changes, ms from now. Also what is past (0 and less) and what never comes (infinite; NaN where nothing grows). */
function changesIn(world: World, flows: readonly Flow[], undelivered: ReadonlyMap<string, number>): number[] {
  const { request, bands, atMs } = world
  const growth = growthOf(flows)
  const total = bands.reduce((sum, it) => sum + it.bytes, 0)
  const free = request.blockBytesMax - total
  if (free <= 0 && filling(flows) > 0) world.fullAtMs ??= atMs
  const full = world.fullAtMs === null ? [free / filling(flows)] : []
  const ofClass = flows.flatMap((flow) => {
    const { cls, filled } = flow.of
    const steps = cls.ladder.filter((it) => !filled.has(it))
    const waits = cls.whenFull === 'wait' ? [roomOf(world, flow.of, undelivered) / flow.bytes] : []
    return [...waits, ...steps.map((it) => changeOf(it))]
    function changeOf({ offlineForMs, filledTo = 0 }: LadderStep): number {
      if (offlineForMs !== undefined) return offlineForMs - cls.offlineForMs - atMs
      return (filledTo * request.bytesMax - sumOf(undelivered)) / growth
    }
  })
  return [...full, ...ofClass]
}

function grow(world: World, flow: Flow, strideMs: number): void {
  const { of, keep, readings, kept, rows, bytes, historyBytes } = flow
  of.accepted += readings * strideMs
  if (keep === 'nothing' || readings === 0) return
  const windowMs = keep === 'raw' ? 0 : keep.windowMs
  // A stride may hold more than a segment: in as many parts as the log would cut it.
  const parts = Math.max(1, Math.ceil((bytes * strideMs) / world.bandBytesMax))
  const partMs = strideMs / parts
  for (let at = 0; at < parts; at++) {
    const band = openBand(world, of, windowMs, world.atMs + at * partMs)
    band.bytes += bytes * partMs
    band.readings += kept * partMs
    band.rows += rows * partMs
    band.receivedTo = (world.atMs + (at + 1) * partMs) * 1_000
  }
  if (historyBytes > 0) growHistory(world, flow, strideMs)
}

function growHistory(world: World, { of, kept, historyBytes }: Flow, strideMs: number): void {
  const parts = Math.max(1, Math.ceil((historyBytes * strideMs) / world.bandBytesMax))
  const partMs = strideMs / parts
  for (let at = 0; at < parts; at++) {
    const band = openHistory(world, of, world.atMs + at * partMs)
    band.bytes += historyBytes * partMs
    band.readings += kept * partMs
    band.rows += kept * partMs
    band.receivedTo = (world.atMs + (at + 1) * partMs) * 1_000
  }
}

function openHistory(world: World, of: ClassWorld, atMs: number): SimulatedBand {
  if (of.openHistory && of.openHistory.bytes < world.bandBytesMax) return of.openHistory
  of.openHistory = newBand(world, of, 0, atMs, true)
  return of.openHistory
}

function openBand(world: World, of: ClassWorld, windowMs: number, atMs: number): SimulatedBand {
  const { open } = of
  if (open && open.windowMs === windowMs && open.bytes < world.bandBytesMax) return open
  of.open = newBand(world, of, windowMs, atMs, false)
  return of.open
}

function newBand(world: World, { cls }: ClassWorld, windowMs: number, atMs: number, delivered: boolean): SimulatedBand {
  const id = world.nextId++
  const form = windowMs === 0 ? ('raw' as const) : ('aggregate' as const)
  const empty = { bytes: 0, readings: 0, rows: 0, delivered, pinned: false }
  const fresh = { ...empty, id, age: id, class: cls.name, form, windowMs, series: cls.series, receivedFrom: atMs * 1_000 }
  const band = { ...fresh, receivedTo: atMs * 1_000 }
  world.bands.push(band)
  return band
}

function makeRoom(world: World): void {
  const { request, bands } = world
  const excess = bands.reduce((sum, it) => sum + it.bytes, 0) - request.blockBytesMax
  if (excess <= 0) return
  world.fullAtMs ??= world.atMs
  const { steps } = plan({ bands, classes: request.classes, bytesToFree: excess })
  if (steps.length === 0) return
  const stepOf = new Map(steps.map((it) => [it.band, it]))
  world.bands = bands.filter((band) => {
    const step = stepOf.get(band.id)
    return !step || giveUp(world, band, step)
  })
}

/** Whether anything of the band stays. */
function giveUp(world: World, band: SimulatedBand, { keep, freesBytes }: PlanStep): boolean {
  const of = world.classes.find((it) => it.cls.name === band.class)
  if (of && !band.delivered) of.fullAtMs ??= world.atMs
  if (of?.open === band) of.open = null
  if (of?.openHistory === band) of.openHistory = null
  if (keep === 'nothing') return false
  band.rows = rowsReduced(band, keep.windowMs)
  band.bytes -= freesBytes
  band.form = 'aggregate'
  band.windowMs = keep.windowMs
  return true
}
