// What the plant served against what stands in the topics, reading by reading.
//
// OPC UA, MQTT: n = (time − t0) ÷ period. Modbus: readings of one poll share a time stamp; the counter among them says which poll it was.
// Either way the value must be that of sample n. Readings that stand in the topics twice are told apart by their sequence: the same one
// twice is *doubled* (our error); two sequences for one sample is *repeated* (the device gave it twice, as MQTT may after a broken link).
import type { Bitmap } from './bitmap.ts'
import { holesIn, newBitmap } from './bitmap.ts'
import type { PlantPlan } from './plan.ts'
import type { Range } from './ranges.ts'
import { countIn } from './ranges.ts'
import type { PlantRecord } from './records.ts'
import { plantGapOf, plantRecordOf } from './records.ts'
import type { DeviceServed, Served } from './served.ts'
import type { Track, Tracked } from './tracks.ts'
import { trackDevice } from './tracks.ts'

type TopicReader = (visit: (json: unknown) => void) => Promise<void>

export interface VerifyInput {
  readonly plan: PlantPlan
  readonly served: Served
  /** Hands over the parsed values of the readings' topic, one by one, and resolves at its end. */
  readonly readings: TopicReader
  /** Parsed values of the gaps' topic, to tell what was given up from what is missing. */
  readonly gaps?: TopicReader
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
/** Reads both topics to their ends. Memory: a bit for each sample and each sequence, and the Modbus readings whose counter came later. */
export async function verifyPlant(input: VerifyInput): Promise<PlantVerdict> {
  const devices = input.plan.devices.map((device, i) =>
    trackDevice(device, input.served.devices[i] as DeviceServed, input.plan.seed),
  )
  const tracks = new Map(devices.flatMap((device) => device.tracks.map((track) => [track.tag, track] as const)))
  const sequences = new Map<string, Bitmap>()
  let records = 0
  let otherRecords = 0
  await input.readings((json) => {
    const record = plantRecordOf(json)
    if (!record) return
    records++
    const again = markSequence(sequences, record)
    const track = input.gateway === undefined || record.device === input.gateway ? tracks.get(record.tag) : undefined
    if (track && record.ts >= input.served.startedAt) track.take(record, again)
    else otherRecords++
  })
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

async function holesOf(sequences: ReadonlyMap<string, Bitmap>, gaps: TopicReader | undefined) {
  let all = 0
  let head = 0
  for (const map of sequences.values()) {
    all += map.last + 1 - map.first - map.count
    head += map.first
  }
  let named = 0
  await gaps?.((json) => {
    const gap = plantGapOf(json)
    const map = gap && sequences.get(gap.stream)
    if (!gap || !map) return
    // Marked, so that a sequence that two gap records name counts once.
    for (let n = Math.max(gap.from, map.first); n < Math.min(gap.to, map.last); n++) if (!map.mark(n)) named++
  })
  return { holes: all, named, unnamed: all - named, head }
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
