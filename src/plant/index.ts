// A plant to try a gateway on:
//
//   plan ─► sampler ─► opcua-server      (samples to monitored items)   ┐
//        └► sampler ─► mqtt-publisher    (readings to a broker)         ├─► served ─► DIR/served.json ─► verify ◄─ topics
//                      modbus-server     (answers polls)                ┘
//   control: faults, switched while it runs
import { join } from 'node:path'
import { BadInput } from '../core/errors.ts'
import { startControl } from './control.ts'
import type { Fault, FaultSwitch } from './faults.ts'
import { NO_FAULT, switchFault } from './faults.ts'
import type { ModbusPart } from './modbus-server.ts'
import { startModbusServer } from './modbus-server.ts'
import { startMqttPublisher } from './mqtt-publisher.ts'
import { startOpcuaServer } from './opcua-server.ts'
import type { DevicePlan, PlantPlan } from './plan.ts'
import { countIn } from './ranges.ts'
import type { DeviceServed, Served } from './served.ts'
import { emptyServed, keepServed } from './served.ts'
import type { PlantEndpoints } from './settings-yaml.ts'

export interface PlantOptions {
  readonly plan: PlantPlan
  /** Books, certificates and the control socket go here. */
  readonly dir: string
  /** Ports on loopback; 0 is any. With `users`, OPC UA lets in nobody without name and password. */
  readonly opcua?: { readonly port: number; readonly users?: Readonly<Record<string, string>> }
  /** One port for all devices, by unit; with `portEach`, device i has a port of its own: port + i, or any. */
  readonly modbus?: { readonly port: number; readonly portEach?: boolean }
  /** The broker to publish to. */
  readonly mqtt?: { readonly url: string; readonly user?: string; readonly password?: string }
  /** What goes wrong while it runs and mends itself (a broker that is away). */
  failed(error: unknown): void
}

export interface Plant {
  readonly endpoints: PlantEndpoints
  readonly controlPath: string
  readonly served: Served
  setFault(device: string, fault: Fault): void
  /** Devices first, then the last entry in the book. */
  stop(): Promise<void>
}

const SERVED_EVERY_MS = 1000

interface Part {
  readonly plan: DevicePlan
  readonly served: DeviceServed
  readonly fault: FaultSwitch
}

interface Running {
  stop(): Promise<void>
}

/** Starts the devices whose protocol has an address; the others are no part of this plant. */
export async function startPlant(options: PlantOptions): Promise<Plant> {
  const plan = { ...options.plan, devices: options.plan.devices.filter((device) => options[device.protocol] !== undefined) }
  const served = emptyServed(plan, Date.now())
  const parts = plan.devices.map((device, i) => ({
    plan: device,
    served: served.devices[i] as DeviceServed,
    fault: { now: NO_FAULT, changed: () => {} },
  }))
  const keeper = await keepServed(options.dir, plan, served, SERVED_EVERY_MS, options.failed)
  const running: Running[] = []
  const stop = async () => {
    for (const it of running.toReversed()) await it.stop()
    await keeper.end()
  }
  try {
    const endpoints = await startDevices(parts, plan.seed, options, running)
    const controlPath = join(options.dir, 'control.sock')
    const setFault = (device: string, fault: Fault) => setFaultOf(parts, device, fault)
    running.push(await startControl(controlPath, { describe: () => describe(parts), setFault }))
    return { endpoints, controlPath, served, setFault, stop }
  } catch (error) {
    await stop()
    throw isTaken(error)
      ? new BadInput([{ where: 'port', text: `is taken by another program: ${(error as Error).message}` }])
      : error
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && error.message.includes('EADDRINUSE')
}

async function startDevices(
  parts: readonly Part[],
  seed: number,
  options: PlantOptions,
  running: Running[],
): Promise<PlantEndpoints> {
  const endpoints: { opcua?: string; modbusPorts?: Record<string, number>; mqttUrl?: string } = {}
  const pkiDir = join(options.dir, 'pki')
  for (const part of parts) {
    if (part.plan.protocol === 'opcua' && options.opcua) {
      const server = await startOpcuaServer(
        part.plan,
        part.served,
        part.fault,
        { ...options.opcua, pkiDir, seed },
        options.failed,
      )
      running.push(server)
      endpoints.opcua = server.endpoint
    } else if (part.plan.protocol === 'mqtt' && options.mqtt) {
      running.push(startMqttPublisher(part.plan, part.served, part.fault, { ...options.mqtt, seed }, options.failed))
      endpoints.mqttUrl = options.mqtt.url
    }
  }
  const modbus = parts.filter((part): part is Part & ModbusPart => part.plan.protocol === 'modbus')
  if (options.modbus && modbus.length > 0) endpoints.modbusPorts = await startModbus(modbus, seed, options.modbus, running)
  return endpoints
}

async function startModbus(
  parts: readonly ModbusPart[],
  seed: number,
  { port, portEach }: { port: number; portEach?: boolean },
  running: Running[],
): Promise<Record<string, number>> {
  const ports: Record<string, number> = {}
  const groups = portEach ? parts.map((part) => [part]) : [parts]
  for (const [i, group] of groups.entries()) {
    const server = await startModbusServer(group, seed, port === 0 ? 0 : port + i)
    running.push(server)
    for (const part of group) ports[part.plan.name] = server.port
  }
  return ports
}

function setFaultOf(parts: readonly Part[], device: string, fault: Fault): void {
  const part = parts.find((it) => it.plan.name === device)
  if (!part) {
    const names = parts.map((it) => it.plan.name).join(', ')
    throw new BadInput([{ where: 'device', text: `there is no ${JSON.stringify(device)}; there are ${names}` }])
  }
  switchFault(part.fault, part.served.faults, fault, Date.now() * 1000)
}

function describe(parts: readonly Part[]): object {
  return {
    devices: parts.map(({ plan, served, fault }) => ({
      name: plan.name,
      protocol: plan.protocol,
      fault: fault.now,
      served: countIn(served.polls) + served.signals.reduce((sum, it) => sum + countIn(it.ranges), 0),
    })),
  }
}

/** Starts a plant, calls `started`, and stops it when the signal aborts. */
export async function runPlant(
  options: PlantOptions,
  signal: AbortSignal,
  started: (plant: Plant) => void = () => {},
): Promise<void> {
  const plant = await startPlant(options)
  started(plant)
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  await plant.stop()
}
