// The drill's MQTT broker (mosquitto), set so that it drops nothing, and its own count of the messages that it still holds.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import type { Child } from '../run/child.ts'
import { startChild } from '../run/child.ts'
import { until } from './until.ts'

const SYS = '$SYS/broker'
const SUBSCRIBE_MS_MAX = 60_000
const READY_MS_MAX = 8_000
/** The counts of one tick come one after the other. */
const TICK_SETTLE_MS = 40

export interface Broker {
  readonly child: Child
  /** Resolves when somebody has subscribed since `start`. */
  subscribed(): Promise<boolean>
  /** What it holds now is nobody's: counts begin. `sent` says how many messages were published. */
  begin(sent: () => number): void
  /** Messages that the subscriber has acknowledged, as of the last tick. */
  readonly consumed: number
  /** A second, lately. */
  readonly consumedPerSecond: number
  readonly ticks: number
  held(): number
  stop(): Promise<void>
}

export async function startBroker(dir: string, port: number): Promise<Broker> {
  await refuseTaken(port)
  const file = join(dir, 'mosquitto.conf')
  writeFileSync(
    file,
    [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'sys_interval 1',
      'max_queued_messages 0',
      'max_queued_bytes 0',
      'max_inflight_messages 60000',
      'persistence false',
      'log_type error',
      'user root',
      '',
    ].join('\n'),
  )
  const child = startChild(dir, 'mosquitto', 'mosquitto', ['-c', file])
  const seen = { store: Number.NaN, subscriptions: Number.NaN, base: 0, consumed: 0, perSecond: 0, ticks: 0 }
  let sent = () => 0
  await listens(port)
  const watcher = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`)
  watcher.on('message', (topic, payload) => {
    if (topic.endsWith('subscriptions/count')) seen.subscriptions = Number(payload)
    else if (topic.endsWith('store/messages/count')) seen.store = Number(payload)
    else tick(sent())
  })
  // Counts are told only when they have changed, and after the uptime.
  const tick = (sentThen: number) =>
    void setTimeout(() => {
      const consumed = Math.max(seen.consumed, sentThen - Math.max(0, seen.store - seen.base))
      seen.perSecond = Math.max(seen.perSecond * 0.7, consumed - seen.consumed)
      seen.consumed = consumed
      seen.ticks++
    }, TICK_SETTLE_MS)
  await watcher.subscribeAsync([`${SYS}/uptime`, `${SYS}/store/messages/count`, `${SYS}/subscriptions/count`])
  await until(() => seen.store > 20 && seen.subscriptions >= 2, READY_MS_MAX)
  const own = seen.subscriptions
  return {
    child,
    subscribed: () => until(() => seen.subscriptions > own, SUBSCRIBE_MS_MAX),
    begin(count) {
      seen.base = seen.store
      sent = count
    },
    get consumed() {
      return seen.consumed
    },
    get consumedPerSecond() {
      return seen.perSecond
    },
    get ticks() {
      return seen.ticks
    },
    held: () => Math.max(0, seen.store - seen.base),
    async stop() {
      await watcher.endAsync(true)
      await child.end()
    },
  }
}

/** Rejects with what the last try said. */
async function listens(port: number): Promise<void> {
  for (const end = performance.now() + READY_MS_MAX; ; await sleep(50)) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch (error) {
      if (performance.now() > end) throw error
    } finally {
      socket.destroy()
    }
  }
}

/** What an earlier run left would be measured in our broker's place. */
async function refuseTaken(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  const isTaken = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  if (isTaken) throw new Error(`port ${port} is taken: end the program that listens there`)
}
