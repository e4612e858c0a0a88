// One real Kafka for many cases: boxes reach it through the link, whoever looks at it directly.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Uplink } from '../../../src/core/uplink.ts'
import { kafka } from '../../../src/uplinks/kafka/index.ts'
import type { KafkaSettings } from '../../../src/uplinks/kafka/settings.ts'
import type { Broker, BrokerOptions } from '../../kafka/broker.ts'
import { createTopics, startBroker, TOPICS } from '../../kafka/broker.ts'
import { settled, settingsOf } from '../../uplinks/kafka/cluster.ts'
import { contextOf } from '../../uplinks/kafka/slices.ts'
import type { Dice } from '../dice.ts'
import { UPLINK } from '../options.ts'
import type { Box, BoxOptions } from './box.ts'
import { openBox } from './box.ts'
import type { Client } from './clients.ts'
import type { Landed, Record } from './landed.ts'
import { byDevice } from './landed.ts'
import type { BoxLink, Link } from './link.ts'
import { openLink } from './link.ts'

const PORTS_FROM = 25_000
/** Of the first broker's ten ports: the listener whose advertised address is the link's. */
const BOX_PORT = 6
/** As the broker knows the boxes, where they sign in. */
export const BOX_USER = 'box'
const SASL = { mechanism: 'scram-sha-256', user: BOX_USER, password: `${BOX_USER}-secret` } as const
const PARTITIONS = 3
const READ_MS_MAX = 120_000
const PYTHON = fileURLToPath(new URL('../../../.cache/venv/bin/python', import.meta.url))
const READER = fileURLToPath(new URL('read_topic.py', import.meta.url))

export interface RigBox extends Box {
  readonly link: BoxLink
}

export interface RigBoxOptions extends Pick<BoxOptions, 'dir' | 'dice' | 'waits' | 'from' | 'bytes'> {
  readonly client: Client
  readonly device?: string
  readonly settings?: Partial<KafkaSettings>
}

/** A destination that boxes reach through the link. */
export interface Place {
  /** Where boxes find it. */
  readonly bootstrap: string
  box(options: RigBoxOptions): Promise<RigBox>
  linkOf(device: string): BoxLink
  /** Stops what still runs of the boxes, however it ends. */
  leave(): Promise<void>
  /** All that a read_committed reader sees, to the end: it waits for whatever is open. */
  read(topic?: string): Promise<Landed>
  down(): Promise<void>
}

export interface Rig extends Place {
  readonly broker: Broker
}

export async function openRig(options: Partial<BrokerOptions> = {}): Promise<Rig> {
  let target = { host: '127.0.0.1', port: 0 }
  const link = await openLink(() => target)
  const broker = await startBroker({
    portFrom: PORTS_FROM,
    ...options,
    properties: (port) => ({
      ...listeners(port, link, options.security ?? false),
      ...(typeof options.properties === 'object' ? options.properties : {}),
    }),
  })
  target = { ...target, port: Number(broker.bootstrap.split(':')[1]) + BOX_PORT }
  const rig = rigOn(broker, link, options.security ?? false)
  try {
    await createTopics(broker.bootstrap, PARTITIONS)
    await settled(broker.bootstrap)
  } catch (error) {
    await rig.down()
    throw error
  }
  return rig
}

/** With security boxes sign in as BOX_USER; without they are anybody. */
function listeners(port: number, link: Link, security: boolean): { readonly [name: string]: string } {
  const plain = `PLAIN://127.0.0.1:${port}`
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  return {
    listeners: `${plain},BOX://127.0.0.1:${port + BOX_PORT},CONTROL://127.0.0.1:${port + 1}`,
    'advertised.listeners': `${plain},BOX://127.0.0.1:${link.port}`,
    'listener.security.protocol.map': `PLAIN:PLAINTEXT,BOX:${security ? 'SASL_PLAINTEXT' : 'PLAINTEXT'},CONTROL:PLAINTEXT`,
    ...(security
      ? {
          'listener.name.box.sasl.enabled.mechanisms': 'SCRAM-SHA-256',
          'listener.name.box.scram-sha-256.sasl.jaas.config': scram,
        }
      : {}),
  }
}

function rigOn(broker: Broker, link: Link, security: boolean): Rig {
  return {
    broker,
    ...boxesBehind(link, security ? { sasl: SASL } : {}),
    read: (topic = TOPICS.telemetry) => readAll(broker.bootstrap, topic),
    async down() {
      await link.close()
      await broker.down()
    },
  }
}

export function boxesBehind(link: Link, access: Partial<KafkaSettings>): Pick<Place, 'bootstrap' | 'linkOf' | 'leave' | 'box'> {
  const bootstrap = `127.0.0.1:${link.port}`
  const linkOf = (device: string) => link.of(`holdfast.${device}.${UPLINK}`)
  const boxes = new Set<RigBox>()
  return {
    bootstrap,
    linkOf,
    async leave() {
      await Promise.allSettled([...boxes].map((it) => it.stop()))
      boxes.clear()
    },
    async box({ client, settings, device = newDevice(), ...options }) {
      const open = (): Promise<Uplink> =>
        kafka.open(settingsOf(bootstrap, { ...access, ...client.settings, ...settings }), contextOf(device, UPLINK))
      const box = Object.assign(await openBox({ ...options, device, open }), { link: linkOf(device) })
      boxes.add(box)
      return box
    },
  }
}

export const newDevice = () => `box-${randomUUID().slice(0, 8)}`
export const caseDir = (dir: string, dice: Dice) => join(dir, `case-${dice.below(2 ** 30)}`)

/**
 * By librdkafka, which is not ours. (The consumer of kafkajs hands out records of aborted transactions:
 * 302 of 90,000 in one round, of which `verify` saw none.)
 */
async function readAll(bootstrap: string, topic: string): Promise<Landed> {
  const child = spawn(PYTHON, [READER, bootstrap, topic], { stdio: ['ignore', 'pipe', 'pipe'], timeout: READ_MS_MAX })
  const ended = once(child, 'close') as Promise<[number | null]>
  let said = ''
  child.stderr.on('data', (text) => (said += text))
  const records: Record[] = []
  for await (const line of createInterface({ input: child.stdout })) records.push(JSON.parse(line) as Record)
  const [code] = await ended
  if (code !== 0) throw new Error(`${topic} cannot be read to the end in ${READ_MS_MAX} ms: ${said || code}`)
  return byDevice(records)
}
