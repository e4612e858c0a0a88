// What a plant consists of: plain data, written beside the counts, so that `plant verify` needs nothing else.
import type { SignalSpec } from './signals.ts'

export type RegisterTable = 'coil' | 'discrete' | 'input' | 'holding'

/** A run of signals of one kind. With `count`, `{n}` in `tag` and `at` becomes 0, 1, 2 …, and a register moves on by its size. */
export interface SignalRun {
  readonly tag: string
  readonly count?: number
  /** OPC UA: the node's identifier after `s=` · Modbus: `table:address` · MQTT: the topic. */
  readonly at: string
  readonly spec: SignalSpec
  /** Modbus only: type and order as in the settings. */
  readonly type?: string
  readonly order?: WordOrder
  readonly unit?: string
  readonly class: string
  /** OPC UA and MQTT: time between two samples, whole milliseconds. */
  readonly periodMs?: number
}

export type WordOrder = 'ABCD' | 'CDAB' | 'BADC' | 'DCBA'

export interface OpcuaDevice {
  readonly protocol: 'opcua'
  readonly name: string
  readonly runs: readonly SignalRun[]
}

/** holding:0 and holding:1 count the polls answered (uint32, ABCD), under the tag `counterTag`. Every other value is a function of that count. */
export interface ModbusDevice {
  readonly protocol: 'modbus'
  readonly name: string
  readonly unit: number
  readonly counterTag: string
  readonly counterClass: string
  /** How often the settings poll it, ms. */
  readonly everyMs: number
  readonly runs: readonly SignalRun[]
}

export interface MqttDevice {
  readonly protocol: 'mqtt'
  readonly name: string
  readonly runs: readonly SignalRun[]
  /** The settings' side: one subscription for all topics. */
  readonly subscribe: { readonly topic: string; readonly tag: string; readonly class: string }
}

export type DevicePlan = OpcuaDevice | ModbusDevice | MqttDevice

export interface PlantPlan {
  readonly seed: number
  readonly devices: readonly DevicePlan[]
}

/** One signal of a run. */
export interface SignalPlan {
  readonly tag: string
  readonly at: string
  readonly spec: SignalSpec
  readonly type: string
  readonly order: WordOrder
  readonly periodMs: number
  /** The first sample is so much after the plant's start: signals of one period do not all come at once. */
  readonly phaseMs: number
}

/** Phases are multiples of this, so that a tick serves many signals. */
const PHASE_STEP_MS = 10

/** All signals of a device, in the order of its runs. */
export function signalsOf(device: DevicePlan): SignalPlan[] {
  return device.runs.flatMap((run) => Array.from({ length: run.count ?? 1 }, (_, n) => signalAt(run, n)))
}

function signalAt(run: SignalRun, n: number): SignalPlan {
  const periodMs = run.periodMs ?? 1000
  const phases = Math.max(1, Math.floor(periodMs / PHASE_STEP_MS))
  const type = run.type ?? 'float64'
  return {
    tag: numbered(run.tag, n),
    at: run.type === undefined ? numbered(run.at, n) : registerAt(run.at, n, type),
    spec: run.spec,
    type,
    order: run.order ?? 'ABCD',
    periodMs,
    phaseMs: (n % phases) * PHASE_STEP_MS,
  }
}

function numbered(pattern: string, n: number): string {
  return pattern.replaceAll('{n}', String(n))
}

function registerAt(at: string, n: number, type: string): string {
  const { table, address } = registerOf(at)
  const step = table === 'coil' || table === 'discrete' ? 1 : registersOf(type)
  return `${table}:${address + n * step}`
}

export function registerOf(at: string): { table: RegisterTable; address: number } {
  const [table, address] = at.split(':')
  return { table: table as RegisterTable, address: Number(address) }
}

/** How many registers a value of a type takes. A string takes two characters a register. */
export function registersOf(type: string): number {
  if (type.startsWith('string:')) return Math.ceil(Number(type.slice(7)) / 2)
  if (type.endsWith('64')) return 4
  return type.endsWith('32') ? 2 : 1
}
