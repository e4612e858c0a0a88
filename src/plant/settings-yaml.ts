// The settings of a gateway that reads exactly this plant.
import { stringify } from 'yaml'
import type { DevicePlan, ModbusDevice, MqttDevice, OpcuaDevice, PlantPlan, SignalRun } from './plan.ts'

/** Where a plant's devices are. */
export interface PlantEndpoints {
  readonly opcua?: string
  /** By device. */
  readonly modbusPorts?: Readonly<Record<string, number>>
  readonly mqttUrl?: string
}

export interface SettingsOptions {
  /** The gateway's id and site. */
  readonly device?: { readonly id: string; readonly site: string }
  /** Kafka. Without any, there is no uplink. */
  readonly brokers: readonly string[]
  readonly bytesMax?: string
  /** OPC UA with Basic256Sha256 and this user, whose password is the secret `plant`; by default without security. */
  readonly opcuaUser?: string
}

const INSECURE = 'simulated plant on loopback'
const NAMESPACE = 'nsu=urn:holdfast:plant;s='

/** YAML. Devices without an endpoint are left out. */
export function plantSettings(plan: PlantPlan, endpoints: PlantEndpoints, options: SettingsOptions): string {
  const uplink = { name: 'cloud', kafka: { brokers: options.brokers, insecure: 'Kafka on loopback' } }
  return stringify({
    version: 1,
    device: options.device ?? { id: 'hf-plant', site: 'plant-1' },
    log: { bytesMax: options.bytesMax ?? '2GB' },
    classes: [{ name: 'alarm' }, { name: 'process' }, { name: 'debug' }],
    sources: plan.devices.flatMap((device) => sourceOf(device, endpoints, options) ?? []),
    ...(options.brokers.length > 0 && { uplinks: [uplink] }),
  })
}

function sourceOf(device: DevicePlan, endpoints: PlantEndpoints, options: SettingsOptions): object | undefined {
  const { opcua, modbusPorts, mqttUrl } = endpoints
  if (device.protocol === 'opcua') return opcua === undefined ? undefined : opcuaSource(device, opcua, options.opcuaUser)
  if (device.protocol === 'mqtt') return mqttUrl === undefined ? undefined : mqttSource(device, mqttUrl)
  const port = modbusPorts?.[device.name]
  return port === undefined ? undefined : modbusSource(device, port)
}

function opcuaSource(device: OpcuaDevice, endpoint: string, user: string | undefined): object {
  const security = user
    ? { policy: 'Basic256Sha256', mode: 'SignAndEncrypt', user, password: { secret: 'plant' } }
    : { policy: 'None', mode: 'None', insecure: INSECURE }
  const tags = device.runs.map((run) => ({
    ...many(run, { tag: run.tag, node: `${NAMESPACE}${run.at}` }),
    // Twice as often as it changes: so the queues that the gateway asks for are long enough.
    sampling: `${Math.max(1, Math.floor((run.periodMs ?? 1000) / 2))}ms`,
    ...belonging(run),
  }))
  return { name: device.name, protocol: 'opcua', endpoint, security, tags }
}

function modbusSource(device: ModbusDevice, port: number): object {
  const counter = { tag: device.counterTag, register: 'holding:0', type: 'uint32', class: device.counterClass }
  const tags = device.runs.map((run) => ({
    ...many(run, { tag: run.tag, register: run.at }),
    type: run.type,
    ...(run.order && { order: run.order }),
    ...belonging(run),
  }))
  const address = { host: '127.0.0.1', port, unit: device.unit }
  return { name: device.name, protocol: 'modbus-tcp', ...address, every: `${device.everyMs}ms`, tags: [counter, ...tags] }
}

function mqttSource(device: MqttDevice, url: string): object {
  const { topic, tag, class: name } = device.subscribe
  const subscribe = [{ topic, qos: 1, tag, value: 'value', time: 'ts', class: name }]
  return { name: device.name, protocol: 'mqtt', url, insecure: INSECURE, subscribe }
}

/** One tag is written out, a run of tags by its pattern. */
function many(run: SignalRun, names: Readonly<Record<string, string>>): object {
  if ((run.count ?? 1) > 1) return { ...names, count: run.count }
  return Object.fromEntries(Object.entries(names).map(([key, text]) => [key, text.replaceAll('{n}', '0')]))
}

function belonging(run: SignalRun): object {
  return { ...(run.unit !== undefined && { unit: run.unit }), class: run.class }
}
