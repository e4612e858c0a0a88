// `uplinks test`: step by step, each with what to do. Ends at the first step without which the next would tell nothing.
import { lookup } from 'node:dns/promises'
import net from 'node:net'
import tls from 'node:tls'
import { asUnreachable, kafkaClient, tlsOptions, withDeadline } from '../../clients/kafka/client.ts'
import { TEST_STEP_MS_MAX } from '../../core/bounds.ts'
import { Unreachable } from '../../core/errors.ts'
import type { TestStep } from '../../core/source.ts'
import type { UplinkContext } from '../../core/uplink.ts'
import { transactionalProducer } from './producer.ts'
import type { KafkaSettings } from './settings.ts'
import { askTopic, isMissing } from './topics.ts'
import { fixedTopics, identityOf } from './uplink.ts'

const DAY_MS = 86_400_000
/** A topic that keeps records for less may lose what an outage held back before anybody reads it. */
const RETENTION_MS_MIN = 7 * DAY_MS

export async function* testUplink(settings: KafkaSettings, context: UplinkContext, signal: AbortSignal): AsyncIterable<TestStep> {
  let reached = false
  for (const broker of settings.brokers) {
    const { host, port } = addressOf(broker)
    const dns = await step(`name of ${host}`, signal, () => resolve(host))
    yield dns
    if (!dns.ok) continue
    const tcp = await step(`connection to ${broker}`, signal, () => reach(host, port))
    yield tcp
    if (!tcp.ok) continue
    if (settings.tls) {
      const handshake = await step(`TLS with ${broker}`, signal, () => handshakeWith(host, port, settings.tls ?? {}))
      yield handshake
      if (!handshake.ok) continue
    } else yield { step: `TLS with ${broker}`, ok: true, detail: 'off: anybody on the way can read along' }
    reached = true
  }
  if (reached) yield* testCluster(settings, context, signal)
}

async function* testCluster(settings: KafkaSettings, context: UplinkContext, signal: AbortSignal): AsyncIterable<TestStep> {
  const client = kafkaClient(settings, { clientId: identityOf(context), log: context.log })
  const admin = client.kafka.admin()
  try {
    const user = settings.sasl
      ? `as ${settings.sasl.user}`
      : settings.tls?.cert
        ? 'with our certificate'
        : 'without authentication'
    const signIn = await step('sign in', signal, async () => {
      await admin.connect()
      return user
    })
    yield signIn
    if (!signIn.ok) return
    yield await step('cluster', signal, async () => {
      const { brokers } = await admin.describeCluster()
      return `${brokers.length} broker${brokers.length === 1 ? '' : 's'}: ${brokers.map((it) => `${it.host}:${it.port}`).join(', ')}`
    })
    for (const name of fixedTopics(settings, context)) {
      const result = await topicSteps(admin, name, signal)
      yield* result
      if (result.some((it) => !it.ok)) return
    }
    // Not the identity of the uplink at work: this test would shut it out.
    const producer = transactionalProducer(client, `${identityOf(context)}.test`)
    yield await step('transactions', signal, async () => {
      await producer.fence(signal)
      return 'we may begin and abort one'
    })
    yield await step('position', signal, async () => {
      const group = identityOf(context)
      const [found] = await admin.fetchOffsets({ groupId: group, topics: [settings.topics.events] })
      const offset = found?.partitions.find((it) => it.partition === 0)?.offset ?? '-1'
      return offset === '-1' ? 'none yet' : `transaction ${offset}`
    })
  } finally {
    client.destroy()
  }
}

async function topicSteps(admin: Parameters<typeof askTopic>[0], name: string, signal: AbortSignal): Promise<TestStep[]> {
  let retention: number | undefined
  const exists = await step(`topic ${name}`, signal, async () => {
    const topic = await askTopic(admin, name)
    if (isMissing(topic)) {
      const { code, text, remedy } = topic.problem
      throw new Unreachable(code, text, remedy ? { remedy } : {})
    }
    retention = topic.retentionMs
    return `${topic.partitions} partitions, batches of up to ${topic.batchBytesMax} bytes`
  })
  if (!exists.ok || retention === undefined || retention >= RETENTION_MS_MIN) return [exists]
  const detail = `warning: it keeps records for ${(retention / DAY_MS).toFixed(1)} days only`
  return [exists, { step: `retention of ${name}`, ok: true, detail, remedy: 'raise retention.ms beyond the longest outage' }]
}

async function step(name: string, signal: AbortSignal, work: () => Promise<string>): Promise<TestStep> {
  try {
    return { step: name, ok: true, detail: await withDeadline(name, TEST_STEP_MS_MAX, signal, work()) }
  } catch (error) {
    const { message, remedy } = asUnreachable(error)
    return { step: name, ok: false, detail: message, ...(remedy === undefined ? {} : { remedy }) }
  }
}

async function resolve(host: string): Promise<string> {
  const found = await lookup(host, { all: true })
  return found.map((it) => it.address).join(', ')
}

async function reach(host: string, port: number): Promise<string> {
  const socket = net.connect({ host, port })
  return settled(socket, 'connect', () => 'open')
}

async function handshakeWith(host: string, port: number, settings: NonNullable<KafkaSettings['tls']>): Promise<string> {
  const socket = tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...tlsOptions(settings) })
  return settled(socket, 'secureConnect', () => {
    const { subject, valid_to } = socket.getPeerCertificate()
    return `${socket.getProtocol()}, certificate of ${subject?.CN ?? 'nobody'}, valid to ${valid_to}`
  })
}

async function settled(socket: net.Socket, event: string, detail: () => string): Promise<string> {
  try {
    await new Promise<void>((done, fail) => {
      socket.once(event, done)
      socket.once('error', fail)
    })
    return detail()
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}

function addressOf(broker: string): { host: string; port: number } {
  const at = broker.lastIndexOf(':')
  return { host: broker.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(broker.slice(at + 1)) }
}
