// What the plant served, on disk:
//   DIR/plant.json    the plan and the start, written once
//   DIR/served.json   the counts, replaced whole (written beside, fsync, rename) every second and at the end
// After a kill -9 served.json is at most about a second old, and `ended` is false: what came later is unknown, not lost.
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { BadInput } from '../core/errors.ts'
import type { Fault } from './faults.ts'
import type { DevicePlan, PlantPlan } from './plan.ts'
import { signalsOf } from './plan.ts'
import type { Range } from './ranges.ts'

/** OPC UA and MQTT. Sample n has the source time t0 + n × period, microseconds. */
export interface SignalServed {
  readonly tag: string
  readonly t0: number
  readonly period: number
  /** Samples that somebody was given: OPC UA queued for a monitored item, MQTT acknowledged by the broker. */
  readonly ranges: Range[]
  /** Samples that were given with a bad status or as an unreadable payload, on purpose. */
  readonly bad: Range[]
  /** MQTT: sent again after the broker was away before its acknowledgement, so that it may have them twice. */
  readonly resent: Range[]
}

export interface FaultSpan {
  readonly fault: Fault
  readonly from: number
  to: number | null
}

export interface DeviceServed {
  readonly name: string
  readonly signals: readonly SignalServed[]
  /** Modbus: counts of the polls that were answered. */
  readonly polls: Range[]
  readonly faults: FaultSpan[]
}

export interface Served {
  readonly version: 1
  /** Microseconds since 1970 UTC, as all times here. */
  readonly startedAt: number
  writtenAt: number
  ended: boolean
  readonly devices: readonly DeviceServed[]
}

/** A record of nothing yet. `startedAtMs` in whole milliseconds. */
export function emptyServed(plan: PlantPlan, startedAtMs: number): Served {
  const devices = plan.devices.map((device) => ({
    name: device.name,
    signals: device.protocol === 'modbus' ? [] : signalsServed(device, startedAtMs),
    polls: [],
    faults: [],
  }))
  return { version: 1, startedAt: startedAtMs * 1000, writtenAt: startedAtMs * 1000, ended: false, devices }
}

function signalsServed(device: DevicePlan, startedAtMs: number): SignalServed[] {
  return signalsOf(device).map((signal) => ({
    tag: signal.tag,
    t0: (startedAtMs + signal.phaseMs) * 1000,
    period: signal.periodMs * 1000,
    ranges: [],
    bad: [],
    resent: [],
  }))
}

export interface ServedKeeper {
  /** Writes a last time, marked as the end. */
  end(): Promise<void>
}

/** Writes plan and counts now and the counts every `everyMs`. `failed` gets what goes wrong later. */
export async function keepServed(
  dir: string,
  plan: PlantPlan,
  served: Served,
  everyMs: number,
  failed: (error: unknown) => void,
): Promise<ServedKeeper> {
  await mkdir(dir, { recursive: true })
  await replaceFile(join(dir, 'plant.json'), JSON.stringify({ version: 1, startedAt: served.startedAt, plan }))
  const write = () => {
    served.writtenAt = Date.now() * 1000
    return replaceFile(join(dir, 'served.json'), JSON.stringify(served))
  }
  await write()
  let writing = Promise.resolve()
  let busy = false
  const timer = setInterval(() => {
    if (busy) return
    busy = true
    writing = write()
      .catch(failed)
      .finally(() => {
        busy = false
      })
  }, everyMs)
  return {
    async end() {
      clearInterval(timer)
      await writing
      served.ended = true
      await write()
    },
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const beside = `${path}.new`
  const file = await open(beside, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
}

/** Plan and counts of the plant that ran, or runs, in a folder. Fails with BadInput when there was none. */
export async function readServed(dir: string): Promise<{ plan: PlantPlan; served: Served }> {
  const plant = (await readJson(join(dir, 'plant.json'))) as { version: number; startedAt: number; plan: PlantPlan }
  const served = (await readJson(join(dir, 'served.json'))) as Served
  if (plant.startedAt !== served.startedAt)
    throw new BadInput([{ where: dir, text: 'plant.json and served.json are of different runs' }])
  return { plan: plant.plan, served }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    const text = `cannot be read: ${(error as Error).message}`
    throw new BadInput([{ where: path, text, remedy: 'give the folder that the plant was started with (--dir)' }])
  }
}
