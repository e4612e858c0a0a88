// A real Apache Kafka for tests, by kafka.sh beside this file. Who starts one takes ports that nobody else has.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'

const SCRIPT = join(import.meta.dirname, 'kafka.sh')
/** Plain, controller, SASL, SASL over TLS, client certificates, TLS alone. */
const PORTS_OF_A_BROKER = 6
const LED_MS_MAX = 60_000
const LED_LOOK_MS = 50
export const TOPICS = {
  telemetry: 'holdfast.telemetry.v1',
  aggregates: 'holdfast.aggregates.v1',
  events: 'holdfast.events.v1',
  gaps: 'holdfast.gaps.v1',
  blocks: 'holdfast.blocks.v1',
} as const

export interface Broker {
  /** The plain listener; without ACLs against it. */
  readonly bootstrap: string
  readonly addresses: Readonly<Record<'plain' | 'sasl' | 'saslTls' | 'mutual' | 'tls', string>>
  readonly dir: string
  /** Broker 1, or another of several. */
  kill(broker?: number): Promise<void>
  start(broker?: number): Promise<void>
  /** PEM files of the throwaway authority, when started with `security`. */
  pem(name: 'ca.pem' | 'client.pem' | 'client.key' | 'stranger.pem'): Promise<string>
  /** Ends it and deletes its data. */
  down(): Promise<void>
}

export interface BrokerOptions {
  /** The first of ten ports; `portFrom` of a test file's own range is tried upwards. */
  readonly portFrom: number
  readonly security?: boolean
  /** With `security`, more users for SCRAM beside box and guest: NAME with the password NAME-secret. */
  readonly users?: readonly string[]
  /** 1, or 3: then two of them must have a record. The next takes ports 10 higher. */
  readonly brokers?: 1 | 3
  /** Levels of the cluster's features to begin with: `transaction.version=1` has the old transaction protocol. */
  readonly features?: readonly string[]
  /** Lines for the broker's properties, which may depend on its first port. */
  readonly properties?: Properties | ((port: number) => Properties)
}

type Properties = Readonly<Record<string, string | number>>

export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-kafka-'))
  const port = await freePorts(options.portFrom)
  const extra = join(dir, 'extra.properties')
  const properties = typeof options.properties === 'function' ? options.properties(port) : options.properties
  await writeFile(
    extra,
    Object.entries(properties ?? {})
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  const env = {
    ...process.env,
    KAFKA_PROPS: extra,
    KAFKA_SECURITY: options.security ? '1' : '',
    KAFKA_FEATURES: (options.features ?? []).join(' '),
    KAFKA_USERS: (options.users ?? []).join(' '),
  }
  const count = options.brokers ?? 1
  try {
    await run(['up', dir, String(port), String(count)], env)
  } catch (error) {
    for (let broker = 1; broker <= count; broker++) await run(['kill', dir, String(broker)], env)
    throw error
  }
  const at = (more: number) => `127.0.0.1:${port + more}`
  return {
    bootstrap: at(0),
    addresses: { plain: at(0), sasl: at(2), saslTls: at(3), mutual: at(4), tls: at(5) },
    dir,
    kill: (broker = 1) => run(['kill', dir, String(broker)], env),
    start: (broker = 1) => run(['start', dir, String(broker)], env),
    pem: (name) => readFile(join(dir, 'tls', name), 'utf8'),
    async down() {
      for (let broker = 1; broker <= count; broker++) await run(['kill', dir, String(broker)], env)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** The product's topics: events and gaps are kept for ever. What exists already stays as it is. */
export async function createTopics(
  bootstrap: string,
  partitions: number,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  const admin = adminOf(bootstrap)
  try {
    await admin.connect()
    const topics = Object.values(TOPICS).map((topic) => ({
      topic,
      numPartitions: topic === TOPICS.events || topic === TOPICS.gaps ? 1 : partitions,
      configEntries: Object.entries({
        ...(topic === TOPICS.events || topic === TOPICS.gaps ? { 'retention.ms': '-1' } : {}),
        ...configs,
      }).map(([name, value]) => ({ name, value })),
    }))
    await createLed(admin, topics)
  } finally {
    await admin.disconnect()
  }
}

/**
 * Makes topics and waits until their leaders answer for them: a broker knows who leads before that one has opened the partition, and is answered
 * NOT_LEADER_OR_FOLLOWER meanwhile. The library's own waiting gives up on a broker that has not heard of a new topic yet.
 */
export async function createLed(admin: kafkajs.Admin, topics: kafkajs.ITopicConfig[]): Promise<void> {
  await admin.createTopics({ waitForLeaders: false, topics })
  const names = topics.map((it) => it.topic)
  if (names.length === 0) return
  for (const end = performance.now() + LED_MS_MAX; ; await sleep(LED_LOOK_MS)) {
    try {
      const found = await admin.fetchTopicMetadata({ topics: names })
      if (found.topics.every((it) => it.partitions.length > 0 && it.partitions.every((one) => one.leader >= 0))) {
        for (const topic of names) await admin.fetchTopicOffsets(topic)
        return
      }
    } catch (error) {
      if (performance.now() > end) throw error
    }
    if (performance.now() > end) throw new Error(`no leaders of ${names.join(', ')} after ${LED_MS_MAX} ms`)
  }
}

export function adminOf(bootstrap: string): kafkajs.Admin {
  const retry = { initialRetryTime: 100, retries: 30, maxRetryTime: 1_000 }
  return new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING, retry }).admin()
}

function run(args: string[], env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(SCRIPT, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let text = ''
    child.stderr.on('data', (chunk) => (text += chunk))
    child.once('error', reject)
    // 'exit', not 'close': whatever a daemon may have kept of our pipe is none of our business.
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`kafka.sh ${args.join(' ')}: ${text}`))))
  })
}

async function freePorts(from: number): Promise<number> {
  for (let port = from; port < from + 200; port += 10) {
    const free = await Promise.all(Array.from({ length: PORTS_OF_A_BROKER }, (_, i) => isFree(port + i)))
    if (free.every(Boolean)) return port
  }
  throw new Error(`no free ports from ${from}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
