// What the plant served against what stands in the topics, reading by reading.
//
// OPC UA, MQTT: n = (time − t0) ÷ period. Modbus: readings of one poll share a time stamp; the counter among them says which poll it was.
// Either way the value must be that of sample n. Readings that stand in the topics twice are told apart by their sequence: the same one
// twice is *doubled* (our error); two sequences for one sample is *repeated* (the device gave it twice, as MQTT may after a broken link).
import type { Bitmap } from './bitmap.ts'
import { holesIn, newBitmap } from './bitmap.ts'
import type { RegisterValue } from './modbus-values.ts'
import { registerValue } from './modbus-values.ts'
import type { ModbusDevice, PlantPlan, SignalPlan } from './plan.ts'
import { signalsOf } from './plan.ts'
import type { Range } from './ranges.ts'
import { countIn, holds } from './ranges.ts'
import type { PlantRecord } from './records.ts'
import { plantGapOf, plantRecordOf } from './records.ts'
import type { DeviceServed, Served, SignalServed } from './served.ts'
import { signalOf } from './signals.ts'

export interface VerifyInput {
  readonly plan: PlantPlan
  readonly served: Served
  /** Parsed values of the readings' topic. */
  readonly readings: AsyncIterable<unknown>
  /** Parsed values of the gaps' topic, to tell what was given up from what is missing. */
  readonly gaps?: AsyncIterable<unknown>
  /** The gateway's id, where several write to the topic. */
  readonly gateway?: string
  /** The gateway has delivered all it had: what is not there is missing, not on its way. */
  readonly drained: boolean
}

/** Counts of samples. */
export interface Counts {
  served: number
  found: number
  /** Served before the first one found: nobody listened yet. */
  before: number
  missing: number
  /** After the last one found, while the gateway is not drained. */
  waiting: number
  doubled: number
  repeated: number
  wrong: number
  /** Bad on purpose, or marked bad by the gateway. */
  bad: number
  /** Found but not in the book: served after its last entry (a plant that was killed), or not acknowledged although it arrived. */
  unbooked: number
}

export interface SignalVerdict extends Counts {
  readonly tag: string
  /** The first of them, as sample numbers. */
  readonly missingRanges: readonly Range[]
  /** The first wrong reading, for a person. */
  readonly firstWrong?: string
}

export interface DeviceVerdict extends Counts {
  readonly name: string
  readonly protocol: string
  readonly signals: readonly SignalVerdict[]
}

export interface PlantVerdict extends Counts {
  /** Nothing doubled, nothing wrong, and no sequence missing that no gap record names: what was accepted was delivered. */
  readonly ok: boolean
  /** Missing samples that never got a sequence, or were refused: lost before the log. */
  readonly beforeLog: number
  /** Sequences that are missing within the streams, how many of them gap records name, and how many the topic no longer has at their head. */
  readonly sequences: { readonly holes: number; readonly named: number; readonly unnamed: number; readonly head: number }
  /** False: the plant still runs or was killed, the last second is not in its book. */
  readonly ended: boolean
  readonly records: number
  /** Of tags that are not the plant's, of other gateways, or of before its start. */
  readonly otherRecords: number
  readonly devices: readonly DeviceVerdict[]
}

const RANGES_SHOWN_MAX = 20
/** `scale` and other arithmetic of the gateway may cost the last digits. */
const TOLERANCE = 1e-9

interface Track {
  readonly tag: string
  readonly seen: Bitmap
  readonly served: readonly Range[]
  readonly counts: { doubled: number; repeated: number; wrong: number; bad: number; unbooked: number }
  readonly expected: (n: number) => RegisterValue
  firstWrong: string | undefined
  /** What to do with a reading of the tag. */
  readonly take: (record: PlantRecord, again: boolean) => void
}

interface Tracked {
  readonly name: string
  readonly protocol: string
  readonly tracks: readonly Track[]
  /** After the last reading. */
  finish(): void
}

/** Reads both topics to their ends. Memory: a bit for each sample and each sequence, and the Modbus readings whose counter came later. */
export async function verifyPlant(input: VerifyInput): Promise<PlantVerdict> {
  const devices = input.plan.devices.map((device, i) => {
    const book = input.served.devices[i] as DeviceServed
    return device.protocol === 'modbus'
      ? modbusDevice(device, book, input.plan.seed)
      : timedDevice(device.name, device.protocol, signalsOf(device), book, input.plan.seed)
  })
  const tracks = new Map(devices.flatMap((device) => device.tracks.map((track) => [track.tag, track] as const)))
  const sequences = new Map<string, Bitmap>()
  let records = 0
  let otherRecords = 0
  for await (const json of input.readings) {
    const record = plantRecordOf(json)
    if (!record) continue
    records++
    const again = markSequence(sequences, record)
    const track = input.gateway === undefined || record.device === input.gateway ? tracks.get(record.tag) : undefined
    if (track && record.ts >= input.served.startedAt) track.take(record, again)
    else otherRecords++
  }
  for (const device of devices) device.finish()
  const holes = await holesOf(sequences, input.gaps)
  const verdicts = devices.map((device) => deviceVerdict(device, input.drained))
  return verdictOf(verdicts, holes, { ended: input.served.ended, records, otherRecords })
}

function markSequence(sequences: Map<string, Bitmap>, { stream, seq }: PlantRecord): boolean {
  let map = sequences.get(stream)
  if (!map) {
    map = newBitmap()
    sequences.set(stream, map)
  }
  return map.mark(seq)
}

async function holesOf(sequences: ReadonlyMap<string, Bitmap>, gaps: AsyncIterable<unknown> | undefined) {
  let all = 0
  let head = 0
  for (const map of sequences.values()) {
    all += map.last + 1 - map.first - map.count
    head += map.first
  }
  let named = 0
  for await (const json of gaps ?? none()) {
    const gap = plantGapOf(json)
    const map = gap && sequences.get(gap.stream)
    if (!gap || !map) continue
    // Marked, so that a sequence that two gap records name counts once.
    for (let n = Math.max(gap.from, map.first); n < Math.min(gap.to, map.last); n++) if (!map.mark(n)) named++
  }
  return { holes: all, named, unnamed: all - named, head }
}

async function* none(): AsyncIterable<never> {}

function timedDevice(name: string, protocol: string, signals: readonly SignalPlan[], book: DeviceServed, seed: number): Tracked {
  const tracks = signals.map((signal, i) => {
    const served = book.signals[i] as SignalServed
    return newTrack(signal.tag, served.ranges, signalOf(signal.spec, seed, signal.tag), (track) => (record, again) => {
      const n = (record.ts - served.t0) / served.period
      if (record.quality === 'bad') track.counts.bad++
      else if (n < 0 || !Number.isInteger(n)) wrong(track, `no sample has the time ${record.ts}`)
      else judge(track, record, again, n, n)
    })
  })
  return { name, protocol, tracks, finish: () => {} }
}

/** Readings of a poll whose counter has not been read yet: by tag, in columns. */
interface Pending {
  readonly records: PlantRecord[]
  readonly again: boolean[]
}

function modbusDevice(device: ModbusDevice, book: DeviceServed, seed: number): Tracked {
  const countAt = new Map<number, number>()
  const pending = new Map<Track, Pending>()
  const counter = newTrack(
    device.counterTag,
    book.polls,
    (n) => n,
    (track) => (record, again) => {
      const n = Number(record.value)
      if (record.quality === 'bad') track.counts.bad++
      else if (!Number.isInteger(n) || n < 1) wrong(track, `${String(record.value)} is no count of polls`)
      else {
        countAt.set(record.ts, n)
        judge(track, record, again, n, n)
      }
    },
  )
  const others = signalsOf(device).map((signal) => {
    const value = signalOf(signal.spec, seed, signal.tag)
    // Another table is another request: it may have been answered just before the poll's count went up.
    const slack = signal.at.startsWith('holding:') ? 0 : 1
    return newTrack(
      signal.tag,
      book.polls,
      (n) => registerValue(signal.type, value(n)),
      (track) => (record, again) => {
        const count = countAt.get(record.ts)
        if (record.quality === 'bad') track.counts.bad++
        else if (count !== undefined) judge(track, record, again, count, count - slack)
        else keep(pending, track, record, again)
      },
    )
  })
  const finish = () => {
    for (const [track, { records, again }] of pending) {
      for (const [i, record] of records.entries()) {
        if (countAt.has(record.ts)) track.take(record, again[i] as boolean)
        else wrong(track, `no count of polls came with the time ${record.ts}`)
      }
    }
  }
  return { name: device.name, protocol: 'modbus', tracks: [counter, ...others], finish }
}

function keep(pending: Map<Track, Pending>, track: Track, record: PlantRecord, again: boolean): void {
  const list = pending.get(track) ?? { records: [], again: [] }
  list.records.push(record)
  list.again.push(again)
  pending.set(track, list)
}

function newTrack(
  tag: string,
  served: readonly Range[],
  expected: Track['expected'],
  taker: (track: Track) => Track['take'],
): Track {
  const track: Track = {
    tag,
    seen: newBitmap(),
    served,
    counts: { doubled: 0, repeated: 0, wrong: 0, bad: 0, unbooked: 0 },
    expected,
    firstWrong: undefined,
    take: (record, again) => take(record, again),
  }
  const take = taker(track)
  return track
}

function wrong(track: Track, text: string): void {
  track.counts.wrong++
  track.firstWrong ??= text
}

/** A reading that says to be sample n; its value may also be that of `orN`. */
function judge(track: Track, record: PlantRecord, again: boolean, n: number, orN: number): void {
  if (!isSame(track.expected(n), record.value) && !isSame(track.expected(orN), record.value)) {
    wrong(track, `sample ${n} at ${record.ts} is ${String(record.value)}, served was ${String(track.expected(n))}`)
    return
  }
  if (again) track.counts.doubled++
  else if (track.seen.mark(n)) track.counts.repeated++
  else if (!holds(track.served, n)) track.counts.unbooked++
}

function isSame(expected: RegisterValue, found: PlantRecord['value']): boolean {
  if (expected === found) return true
  if (typeof expected === 'string' || found === null || typeof found === 'string') return false
  if (typeof expected === 'bigint' || typeof found === 'bigint')
    return isWhole(expected) && isWhole(found) && BigInt(expected) === BigInt(found)
  const [a, b] = [Number(expected), Number(found)]
  return a === b || Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b))
}

function isWhole(value: number | bigint | boolean): value is number | bigint {
  return typeof value === 'bigint' || Number.isInteger(value)
}

function deviceVerdict(device: Tracked, drained: boolean): DeviceVerdict {
  const signals = device.tracks.map((track) => signalVerdict(track, drained))
  return { name: device.name, protocol: device.protocol, ...sumOf(signals), signals }
}

function signalVerdict(track: Track, drained: boolean): SignalVerdict {
  const { seen, served } = track
  const missing: Range[] = []
  let before = 0
  let waiting = 0
  const end = drained ? Number.POSITIVE_INFINITY : seen.last + 1
  for (const [from, to] of served) {
    // Where nothing at all was found, nothing says that nobody listened.
    const start = seen.count === 0 ? from : Math.min(to, Math.max(from, seen.first))
    const stop = Math.max(start, Math.min(to, end))
    before += start - from
    waiting += to - stop
    missing.push(...holesIn(seen, start, stop))
  }
  return {
    tag: track.tag,
    served: countIn(served),
    found: seen.count,
    before,
    missing: countIn(missing),
    waiting,
    ...track.counts,
    missingRanges: missing.slice(0, RANGES_SHOWN_MAX),
    ...(track.firstWrong !== undefined && { firstWrong: track.firstWrong }),
  }
}

const COUNTS = ['served', 'found', 'before', 'missing', 'waiting', 'doubled', 'repeated', 'wrong', 'bad', 'unbooked'] as const

function sumOf(parts: readonly Counts[]): Counts {
  const sum = Object.fromEntries(COUNTS.map((name) => [name, 0])) as unknown as Counts
  for (const part of parts) for (const name of COUNTS) sum[name] += part[name]
  return sum
}

function verdictOf(
  devices: readonly DeviceVerdict[],
  sequences: PlantVerdict['sequences'],
  rest: { ended: boolean; records: number; otherRecords: number },
): PlantVerdict {
  const counts = sumOf(devices)
  // A missing sample either had a sequence, which is then missing too, or never got that far.
  const beforeLog = Math.max(0, counts.missing - sequences.unnamed)
  const ok = counts.doubled === 0 && counts.wrong === 0 && sequences.unnamed === 0
  return { ok, ...counts, beforeLog, sequences, ...rest, devices }
}
