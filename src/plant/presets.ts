// Plants to start: `demo` has something to look at, `load` is made of numbers.
import type { DevicePlan, ModbusDevice, MqttDevice, OpcuaDevice, PlantPlan, SignalRun } from './plan.ts'
import type { RecordingName } from './recordings.ts'
import { rowSecondsOf } from './recordings.ts'

export const PROTOCOLS = ['opcua', 'modbus', 'mqtt'] as const
export type PlantProtocol = (typeof PROTOCOLS)[number]

/** At this speed the machine temperature brings five rows a second. */
const SPEED = 1500
const RECORDING_MS_MIN = 50

/** How much of each protocol the load preset has. */
export interface LoadSizes {
  readonly opcuaItems: number
  readonly opcuaPeriodMs: number
  readonly modbusDevices: number
  /** Registers of each device, the two of the counter included. */
  readonly modbusRegisters: number
  readonly modbusEveryMs: number
  readonly mqttSensors: number
  readonly mqttPeriodMs: number
}

/** 1,000 items at 10 Hz, 100 devices of 100 registers at 1 Hz, 5,000 messages a second. */
const LOAD: LoadSizes = {
  opcuaItems: 1000,
  opcuaPeriodMs: 100,
  modbusDevices: 100,
  modbusRegisters: 100,
  modbusEveryMs: 1000,
  mqttSensors: 500,
  mqttPeriodMs: 100,
}

export function loadPlan(seed: number, sizes: Partial<LoadSizes> = {}): PlantPlan {
  const size = { ...LOAD, ...sizes }
  const devices: DevicePlan[] = []
  if (size.opcuaItems > 0) devices.push(opcuaItems(size.opcuaItems, size.opcuaPeriodMs))
  for (let i = 1; i <= size.modbusDevices; i++) devices.push(modbusBlock(i, size.modbusRegisters, size.modbusEveryMs))
  if (size.mqttSensors > 0) devices.push(mqttSensors(size.mqttSensors, size.mqttPeriodMs))
  return { seed, devices }
}

/** `tags` signals, spread evenly over the protocols, each `rate` times a second. */
export function evenPlan(seed: number, tags: number, rate: number, protocols: readonly PlantProtocol[]): PlantPlan {
  const periodMs = Math.max(1, Math.round(1000 / rate))
  const share = (protocol: PlantProtocol) => {
    const at = protocols.indexOf(protocol)
    return at < 0 ? 0 : Math.floor((tags + at) / protocols.length)
  }
  const modbusTags = share('modbus')
  const modbusDevices = Math.ceil(modbusTags / MODBUS_TAGS_MAX)
  return loadPlan(seed, {
    opcuaItems: share('opcua'),
    opcuaPeriodMs: periodMs,
    modbusDevices,
    // The counter's tag is one of them.
    modbusRegisters: modbusDevices === 0 ? 0 : Math.ceil(modbusTags / modbusDevices) + 1,
    modbusEveryMs: Math.max(MODBUS_EVERY_MS_MIN, periodMs),
    mqttSensors: share('mqtt'),
    mqttPeriodMs: periodMs,
  })
}

/** The settings take no shorter one. */
const MODBUS_EVERY_MS_MIN = 50
/** Registers of one device that one read can carry, and the counter's second one. */
const MODBUS_TAGS_MAX = 120

function opcuaItems(count: number, periodMs: number): OpcuaDevice {
  const spec = { kind: 'sine', mean: 50, amplitude: 40, samplesPerTurn: 600, noise: 0.5 } as const
  return {
    protocol: 'opcua',
    name: 'opc',
    runs: [{ tag: 'opc/item-{n}', at: 'item-{n}', count, spec, class: 'process', periodMs }],
  }
}

function modbusBlock(number: number, registers: number, everyMs: number): ModbusDevice {
  const name = `modbus-${number}`
  const spec = { kind: 'sine', mean: 500, amplitude: 400, samplesPerTurn: 300, noise: 20 } as const
  const block: SignalRun = { tag: `${name}/r{n}`, at: 'holding:2', type: 'uint16', count: registers - 2, spec, class: 'process' }
  const runs = registers > 2 ? [block] : []
  return { protocol: 'modbus', name, unit: number, counterTag: `${name}/count`, counterClass: 'process', everyMs, runs }
}

function mqttSensors(count: number, periodMs: number): MqttDevice {
  const spec = { kind: 'sine', mean: 20, amplitude: 5, samplesPerTurn: 900, noise: 0.2 } as const
  const run: SignalRun = { tag: 'mqtt/load/sensor-{n}', at: 'plant/load/sensor-{n}', count, spec, class: 'process', periodMs }
  return { protocol: 'mqtt', name: 'mqtt', runs: [run], subscribe: subscribeAs('mqtt') }
}

/** Topics are `plant/{line}/{sensor}`, tags `<prefix>/{line}/{sensor}`. */
function subscribeAs(prefix: string): MqttDevice['subscribe'] {
  return { topic: 'plant/{line}/{sensor}', tag: `${prefix}/{line}/{sensor}`, class: 'process' }
}

/** A press, a furnace with its energy meter, a line and a hall: about fifty tags, some hundred readings a second. `speed` is that of the recordings. */
export function demoPlan(seed: number, speed = SPEED): PlantPlan {
  return { seed, devices: [line(speed), press(), furnace(speed), hall(speed)] }
}

/** How long a row of a recording lasts at a speed. */
function rowMs(name: RecordingName, speed: number): number {
  return Math.max(RECORDING_MS_MIN, Math.round((rowSecondsOf(name) * 1000) / speed))
}

function line(speed: number): OpcuaDevice {
  const tag = (name: string) => `hall-1/line-1/${name}`
  const machine = { kind: 'recording', recording: 'machine-temperature', column: 'value' } as const
  const ambient = { kind: 'recording', recording: 'ambient-temperature', column: 'value' } as const
  const machineMs = rowMs('machine-temperature', speed)
  const states = ['running', 'setting up', 'waiting for material', 'blocked']
  const runs: SignalRun[] = [
    {
      tag: tag('machine-temperature'),
      at: 'MachineTemperature',
      spec: machine,
      unit: '°F',
      class: 'process',
      periodMs: machineMs,
    },
    {
      tag: tag('ambient-temperature'),
      at: 'AmbientTemperature',
      spec: ambient,
      unit: '°F',
      class: 'process',
      periodMs: rowMs('ambient-temperature', speed),
    },
    { tag: tag('speed'), at: 'Speed', spec: sine(1.2, 0.3, 600, 0.02), unit: 'm/s', class: 'process', periodMs: 100 },
    { tag: tag('pieces'), at: 'Pieces', spec: { kind: 'counter' }, class: 'process', periodMs: 500 },
    { tag: tag('state'), at: 'State', spec: { kind: 'text', words: states, samplesEach: 20 }, class: 'process', periodMs: 1000 },
    { tag: tag('jam'), at: 'Jam', spec: { kind: 'bool', samplesOn: 3, samplesOff: 57 }, class: 'alarm', periodMs: 500 },
    {
      tag: tag('motor-{n}/current'),
      at: 'Motor{n}.Current',
      count: 8,
      spec: sine(12, 4, 300, 0.4),
      unit: 'A',
      class: 'process',
      periodMs: 100,
    },
    {
      tag: tag('motor-{n}/vibration'),
      at: 'Motor{n}.Vibration',
      count: 8,
      spec: { kind: 'noise', mean: 1.8, spread: 0.9 },
      unit: 'mm/s',
      class: 'debug',
      periodMs: 100,
    },
  ]
  return { protocol: 'opcua', name: 'line-1', runs }
}

function press(): ModbusDevice {
  const tag = (name: string) => `hall-1/press-3/${name}`
  const levels = [0, 40, 80, 120]
  const runs: SignalRun[] = [
    {
      tag: tag('temperature'),
      at: 'holding:2',
      type: 'float32',
      order: 'CDAB',
      spec: sine(65, 12, 900, 0.3),
      unit: '°C',
      class: 'process',
    },
    { tag: tag('pressure'), at: 'holding:4', type: 'float32', spec: sine(180, 20, 200, 2), unit: 'bar', class: 'process' },
    {
      tag: tag('force-setpoint'),
      at: 'holding:6',
      type: 'int16',
      spec: { kind: 'steps', levels, samplesEach: 40 },
      unit: 'kN',
      class: 'process',
    },
    { tag: tag('strokes'), at: 'holding:7', type: 'uint32', order: 'DCBA', spec: { kind: 'counter' }, class: 'process' },
    { tag: tag('oil-level'), at: 'holding:9', type: 'bcd16', spec: sine(820, 40, 2000), unit: 'mm', class: 'debug' },
    { tag: tag('operating-hours'), at: 'holding:10', type: 'uint64', spec: { kind: 'counter' }, class: 'debug' },
    {
      tag: tag('program'),
      at: 'holding:14',
      type: 'string:8',
      spec: { kind: 'text', words: ['P-100', 'P-220', 'P-315'], samplesEach: 60 },
      class: 'process',
    },
    {
      tag: tag('over-pressure'),
      at: 'holding:18',
      type: 'bit:3',
      spec: { kind: 'bool', samplesOn: 2, samplesOff: 98 },
      class: 'alarm',
    },
    {
      tag: tag('guard-open'),
      at: 'discrete:0',
      type: 'bool',
      spec: { kind: 'bool', samplesOn: 5, samplesOff: 55 },
      class: 'alarm',
    },
    { tag: tag('pump-on'), at: 'coil:0', type: 'bool', spec: { kind: 'bool', samplesOn: 80, samplesOff: 20 }, class: 'process' },
    { tag: tag('ambient'), at: 'input:0', type: 'int16', spec: sine(240, 30, 3000), unit: '0.1 °C', class: 'debug' },
  ]
  return { protocol: 'modbus', name: 'press-3', unit: 1, counterTag: tag('polls'), counterClass: 'debug', everyMs: 200, runs }
}

function furnace(speed: number): ModbusDevice {
  const meter = (column: string) => ({ kind: 'recording', recording: 'energy-meter', column }) as const
  const tag = (name: string) => `hall-1/furnace/${name}`
  const float = { type: 'float32', class: 'process' } as const
  const runs: SignalRun[] = [
    { tag: tag('energy'), at: 'holding:2', spec: meter('Usage_kWh'), unit: 'kWh', ...float },
    {
      tag: tag('reactive-lagging'),
      at: 'holding:4',
      spec: meter('Lagging_Current_Reactive.Power_kVarh'),
      unit: 'kvarh',
      ...float,
    },
    {
      tag: tag('reactive-leading'),
      at: 'holding:6',
      spec: meter('Leading_Current_Reactive_Power_kVarh'),
      unit: 'kvarh',
      ...float,
    },
    { tag: tag('power-factor-lagging'), at: 'holding:8', spec: meter('Lagging_Current_Power_Factor'), unit: '%', ...float },
    { tag: tag('power-factor-leading'), at: 'holding:10', spec: meter('Leading_Current_Power_Factor'), unit: '%', ...float },
    { tag: tag('temperature'), at: 'holding:12', spec: sine(870, 25, 1200, 1), unit: '°C', ...float },
    {
      tag: tag('door-open'),
      at: 'holding:14',
      type: 'bit:0',
      spec: { kind: 'bool', samplesOn: 4, samplesOff: 96 },
      class: 'alarm',
    },
  ]
  const everyMs = Math.min(5000, rowMs('energy-meter', speed))
  return { protocol: 'modbus', name: 'furnace', unit: 2, counterTag: tag('polls'), counterClass: 'debug', everyMs, runs }
}

function hall(speed: number): MqttDevice {
  const sensors: SignalRun[] = ['line-1', 'line-2', 'store'].flatMap((place) => [
    {
      tag: `hall/${place}/temperature`,
      at: `plant/${place}/temperature`,
      spec: sine(22, 3, 1500, 0.1),
      unit: '°C',
      class: 'process',
      periodMs: 500,
    },
    {
      tag: `hall/${place}/humidity`,
      at: `plant/${place}/humidity`,
      spec: sine(45, 8, 2500, 0.3),
      unit: '%',
      class: 'process',
      periodMs: 500,
    },
    {
      tag: `hall/${place}/vibration`,
      at: `plant/${place}/vibration`,
      spec: { kind: 'noise', mean: 0.4, spread: 0.3 },
      unit: 'mm/s',
      class: 'process',
      periodMs: 100,
    },
  ])
  const machine = { kind: 'recording', recording: 'machine-temperature', column: 'value' } as const
  const bearing: SignalRun = {
    tag: 'hall/line-2/bearing',
    at: 'plant/line-2/bearing',
    spec: machine,
    unit: '°F',
    class: 'process',
    periodMs: rowMs('machine-temperature', speed),
  }
  return { protocol: 'mqtt', name: 'hall-broker', runs: [...sensors, bearing], subscribe: subscribeAs('hall') }
}

function sine(mean: number, amplitude: number, samplesPerTurn: number, noise = 0) {
  return { kind: 'sine', mean, amplitude, samplesPerTurn, noise } as const
}
