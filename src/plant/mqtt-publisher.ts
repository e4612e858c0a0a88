// Publishes readings at QoS 1, one a message: {"ts":epoch milliseconds,"value":…,"n":sample number}. Served is what the broker acknowledged.
import { setTimeout as sleep } from 'node:timers/promises'
import type { MqttClient } from 'mqtt'
import { connect } from 'mqtt'
import type { FaultSwitch } from './faults.ts'
import type { MqttDevice, SignalPlan } from './plan.ts'
import { signalsOf } from './plan.ts'
import { addTo } from './ranges.ts'
import type { SampledSignal } from './sampler.ts'
import { startSampler } from './sampler.ts'
import type { DeviceServed, SignalServed } from './served.ts'
import type { SignalFunction } from './signals.ts'
import { signalOf } from './signals.ts'

const TICK_MS = 10
/** Messages on their way to the broker; while so many are, samples wait. */
const UNACKNOWLEDGED_MAX = 4_000
const RECONNECT_MS = 1_000
const UNREADABLE = '{"ts":'

export interface MqttOptions {
  readonly url: string
  readonly seed: number
  readonly user?: string
  readonly password?: string
}

export interface MqttPublisher {
  /** Waits up to 2 s for what is unacknowledged, then disconnects. */
  stop(): Promise<void>
}

interface Sensor extends SampledSignal {
  readonly plan: SignalPlan
  readonly served: SignalServed
  readonly value: SignalFunction
}

interface Sent {
  readonly sensor: Sensor
  readonly n: number
}

/** Publishes all signals of a device. Connects, and connects again, in the background. `failed` gets connection errors. */
export function startMqttPublisher(
  device: MqttDevice,
  book: DeviceServed,
  fault: FaultSwitch,
  options: MqttOptions,
  failed: (error: unknown) => void,
): MqttPublisher {
  const client = connect(options.url, {
    clientId: `plant-${device.name}-${process.pid}`,
    reconnectPeriod: RECONNECT_MS,
    ...(options.user !== undefined && { username: options.user }),
    ...(options.password !== undefined && { password: options.password }),
  })
  const unacknowledged = new Set<Sent>()
  client.on('error', failed)
  client.on('close', () => noteResent(unacknowledged))
  fault.changed = () => (fault.now.kind === 'stop' ? client.end(false) : client.disconnected && client.reconnect())
  const sensors = signalsOf(device).map((plan, i) => sensorOf(plan, book.signals[i] as SignalServed, options.seed))
  const sampler = startSampler(
    sensors,
    TICK_MS,
    (sensor, n) => publish(client, sensor, n, fault, unacknowledged),
    (count) => fault.now.kind === 'stop' || (client.connected && unacknowledged.size + count <= UNACKNOWLEDGED_MAX),
  )
  return {
    async stop() {
      sampler.stop()
      const until = Date.now() + 2000
      while (unacknowledged.size > 0 && client.connected && Date.now() < until) await sleep(20)
      await client.endAsync(true)
    },
  }
}

function sensorOf(plan: SignalPlan, served: SignalServed, seed: number): Sensor {
  return { plan, served, value: signalOf(plan.spec, seed, plan.tag), t0Ms: served.t0 / 1000, periodMs: plan.periodMs }
}

function publish(client: MqttClient, sensor: Sensor, n: number, { now }: FaultSwitch, unacknowledged: Set<Sent>): void {
  if (now.kind === 'stop' || (now.kind === 'slow' && n % (now.everyNth ?? 1) !== 0)) return
  const bad = now.kind === 'wrong'
  const sent = { sensor, n }
  unacknowledged.add(sent)
  client.publish(sensor.plan.at, bad ? UNREADABLE : payloadOf(sensor, n), { qos: 1 }, (error) => {
    unacknowledged.delete(sent)
    if (!error) addTo(bad ? sensor.served.bad : sensor.served.ranges, n)
  })
}

function payloadOf(sensor: Sensor, n: number): string {
  return `{"ts":${sensor.t0Ms + n * sensor.periodMs},"value":${JSON.stringify(sensor.value(n))},"n":${n}}`
}

/** mqtt.js sends these again on the next connection; the broker may have had them already. */
function noteResent(unacknowledged: Iterable<Sent>): void {
  for (const { sensor, n } of unacknowledged) addTo(sensor.served.resent, n)
}
