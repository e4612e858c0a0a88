// Which sample a reading is, and whether it has that sample's value: one track for each signal, fed with the readings of its tag.
import type { Bitmap } from './bitmap.ts'
import { newBitmap } from './bitmap.ts'
import type { RegisterValue } from './modbus-values.ts'
import { registerValue } from './modbus-values.ts'
import type { DevicePlan, ModbusDevice } from './plan.ts'
import { signalsOf } from './plan.ts'
import type { Range } from './ranges.ts'
import { holds } from './ranges.ts'
import type { PlantRecord } from './records.ts'
import type { DeviceServed, SignalServed } from './served.ts'
import { signalOf } from './signals.ts'

type RecordValue = PlantRecord['value']

export interface Track {
  readonly tag: string
  /** Samples found. */
  readonly seen: Bitmap
  readonly served: readonly Range[]
  readonly counts: { doubled: number; repeated: number; wrong: number; bad: number; unbooked: number }
  firstWrong: string | undefined
  readonly expected: (n: number) => RegisterValue
  /** The value may also be that of the sample before. */
  readonly mayLag: boolean
  /** A reading of the tag; `again` when its sequence was there before. */
  take(record: PlantRecord, again: boolean): void
}

export interface Tracked {
  readonly name: string
  readonly protocol: string
  readonly tracks: readonly Track[]
  /** After the last reading. */
  finish(): void
}

/** `scale` and other arithmetic of the gateway may cost the last digits. */
const TOLERANCE = 1e-9

export function trackDevice(device: DevicePlan, book: DeviceServed, seed: number): Tracked {
  return device.protocol === 'modbus' ? trackPolls(device, book, seed) : trackTimes(device, book, seed)
}

function trackTimes(device: DevicePlan, book: DeviceServed, seed: number): Tracked {
  const tracks = signalsOf(device).map((signal, i) => {
    const { t0, period, ranges } = book.signals[i] as SignalServed
    const track = newTrack(signal.tag, ranges, signalOf(signal.spec, seed, signal.tag))
    track.take = (record, again) => {
      const n = (record.ts - t0) / period
      if (record.quality === 'bad') track.counts.bad++
      else if (n < 0 || !Number.isInteger(n)) wrong(track, `no sample has the time ${record.ts}`)
      else judge(track, record.ts, record.value, again, n)
    }
    return track
  })
  return { name: device.name, protocol: device.protocol, tracks, finish: () => {} }
}

function trackPolls(device: ModbusDevice, book: DeviceServed, seed: number): Tracked {
  const countAt: Counts = { byTime: new Map(), stream: undefined }
  const counter = newTrack(device.counterTag, book.polls, (n) => n)
  counter.take = (record, again) => {
    const n = Number(record.value)
    if (record.quality === 'bad') counter.counts.bad++
    else if (!Number.isInteger(n) || n < 1) wrong(counter, `${String(record.value)} is no count of polls`)
    else {
      countAt.byTime.set(record.ts, n)
      countAt.stream = record.stream
      judge(counter, record.ts, record.value, again, n)
    }
  }
  const others = signalsOf(device).map((signal) => {
    const value = signalOf(signal.spec, seed, signal.tag)
    // Another table is another request: it may have been answered just before the poll's count went up.
    const mayLag = !signal.at.startsWith('holding:')
    return pairedTrack(
      newTrack(signal.tag, book.polls, (n) => registerValue(signal.type, value(n)), mayLag),
      countAt,
    )
  })
  const finish = () => {
    for (const it of others) it.finish()
  }
  return { name: device.name, protocol: 'modbus', tracks: [counter, ...others.map((it) => it.track)], finish }
}

/** The counts of polls that came, by their time, and the stream that they are in. */
interface Counts {
  readonly byTime: Map<number, number>
  stream: string | undefined
}

/** A track whose readings find their sample by the counter of the same time. Those that come before it wait, in columns: they may be millions. */
function pairedTrack(track: Track, counter: Counts): { track: Track; finish(): void } {
  const times: number[] = []
  const values: RecordValue[] = []
  const agains: boolean[] = []
  let stream: string | undefined
  track.take = (record, again) => {
    stream = record.stream
    const count = counter.byTime.get(record.ts)
    if (record.quality === 'bad') track.counts.bad++
    else if (count !== undefined) judge(track, record.ts, record.value, again, count)
    else {
      times.push(record.ts)
      values.push(record.value)
      agains.push(again)
    }
  }
  // A kill between the commits of two classes keeps one of them: of a count of another class it cannot be told which sample this was.
  const unpaired = (time: number) => {
    if (stream === counter.stream) wrong(track, `no count of polls came with the time ${time}`)
    else track.counts.unbooked++
  }
  const finish = () => {
    for (const [i, time] of times.entries()) {
      const count = counter.byTime.get(time)
      if (count === undefined) unpaired(time)
      else judge(track, time, values[i] as RecordValue, agains[i] as boolean, count)
    }
  }
  return { track, finish }
}

function newTrack(tag: string, served: readonly Range[], expected: Track['expected'], mayLag = false): Track {
  const counts = { doubled: 0, repeated: 0, wrong: 0, bad: 0, unbooked: 0 }
  return { tag, seen: newBitmap(), served, counts, firstWrong: undefined, expected, mayLag, take: () => {} }
}

function wrong(track: Track, text: string): void {
  track.counts.wrong++
  track.firstWrong ??= text
}

/** A reading that says to be sample n. */
function judge(track: Track, time: number, value: RecordValue, again: boolean, n: number): void {
  // … or just after another client (`sources test`) had polled.
  const near = track.mayLag ? [n, n - 1, n + 1] : [n]
  if (!near.some((it) => isSame(track.expected(it), value))) {
    wrong(track, `sample ${n} at ${time} is ${String(value)}, served was ${String(track.expected(n))}`)
    return
  }
  if (again) track.counts.doubled++
  else if (track.seen.mark(n)) track.counts.repeated++
  else if (!holds(track.served, n)) track.counts.unbooked++
}

function isSame(expected: RegisterValue, found: RecordValue): boolean {
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
