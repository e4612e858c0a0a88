// Kafka for a run: one real broker. The agent reaches it through the cable, everything else directly.
//
//   ports[0]  plain: for topics, verify and the broker itself
//   ports[1]  controller
//   ports[2]  what the cable leads to
//   ports[3]  the cable: the only address that the broker tells the agent
import { execFile } from 'node:child_process'
import { createLed } from '../kafka/broker.ts'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'

const script = join(import.meta.dirname, '../kafka/kafka.sh')
const run = promisify(execFile)

export interface Broker {
  readonly dir: string
  /** Host and port for verify and other readers. */
  readonly address: string
  /** Host and port of the cable. */
  readonly uplinkAddress: string
  up(): Promise<void>
  kill(): Promise<void>
  start(): Promise<void>
  down(): Promise<void>
}

/** A broker with its data in `dir`. `first` is the first of its four ports. */
export function broker(dir: string, first: number): Broker {
  const kafka = (...args: string[]) =>
    run('bash', [script, ...args], { env: { ...process.env, KAFKA_PROPS: join(dir, 'extra.properties') } })
  const call = (name: string) => async () => {
    await kafka(name, dir)
  }
  return {
    dir,
    address: `127.0.0.1:${first}`,
    uplinkAddress: `127.0.0.1:${first + 3}`,
    up: async () => {
      mkdirSync(dir, { recursive: true })
      writeFileSync(join(dir, 'extra.properties'), listeners(first))
      await kafka('up', dir, String(first))
    },
    kill: call('kill'),
    start: call('start'),
    down: call('down'),
  }
}

function listeners(first: number): string {
  return [
    `listeners=UPLINK://127.0.0.1:${first + 2},PLAIN://127.0.0.1:${first},CONTROL://127.0.0.1:${first + 1}`,
    `advertised.listeners=UPLINK://127.0.0.1:${first + 3},PLAIN://127.0.0.1:${first}`,
    'listener.security.protocol.map=UPLINK:PLAINTEXT,PLAIN:PLAINTEXT,CONTROL:PLAINTEXT',
    '',
  ].join('\n')
}

/** What is there already is left as it is. Gaps and events are kept for ever: verify works from them. */
export async function createTopics(address: string, partitions: number, topics: readonly string[]): Promise<void> {
  const admin = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, retry: { retries: 10 } }).admin()
  await admin.connect()
  try {
    const known = new Set(await admin.listTopics())
    await createLed(
      admin,
      topics
        .filter((topic) => !known.has(topic))
        .map((topic) => ({
          topic,
          numPartitions: partitions,
          replicationFactor: 1,
          configEntries: /gaps|events/.test(topic) ? [{ name: 'retention.ms', value: '-1' }] : [],
        })),
    )
  } finally {
    await admin.disconnect()
  }
}
