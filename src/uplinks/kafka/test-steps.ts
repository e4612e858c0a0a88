// `uplinks test`: step by step, each with what to do. Ends at the first step without which the next would tell nothing.
import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns'
import net from 'node:net'
import { addressOf, asUnreachable, tlsOptions, withDeadline } from '../../clients/kafka/access.ts'
import { lookupFrom } from '../../clients/kafka/sockets.ts'
import { tryConnection } from '../../clients/kafka/try-connection.ts'
import { TEST_STEP_MS_MAX } from '../../core/bounds.ts'
import { Unreachable } from '../../core/errors.ts'
import type { TestStep } from '../../core/source.ts'
import type { UplinkContext } from '../../core/uplink.ts'
import { topicSchemas } from './avro/topic-schemas.ts'
import type { Cluster } from './cluster.ts'
import { openCluster } from './cluster.ts'
import type { KafkaSettings } from './settings.ts'
import { isMissing, onlyTopic } from './topics.ts'
import { identityOf, topicsOf } from './uplink.ts'

const DAY_MS = 86_400_000
/** A topic that keeps records for less may lose what an outage held back before anybody reads it. */
const RETENTION_MS_MIN = 7 * DAY_MS

export async function* testUplink(settings: KafkaSettings, context: UplinkContext, signal: AbortSignal): AsyncIterable<TestStep> {
  const localAddress = context.route?.localAddress
  let reached = false
  for (const broker of settings.brokers) {
    const { host, port } = addressOf(broker)
    const dns = await step(`name of ${host}`, signal, () => resolve(host, localAddress))
    yield dns
    if (!dns.ok) continue
    const tcp = await step(`connection to ${broker}`, signal, () => tryConnection({ host, port, tls: undefined }, localAddress))
    yield tcp
    if (!tcp.ok) continue
    if (settings.tls) {
      const handshake = await step(`TLS with ${broker}`, signal, () =>
        tryConnection({ host, port, tls: tlsOptions(settings.tls ?? {}) }, localAddress),
      )
      yield handshake
      if (!handshake.ok) continue
    } else yield { step: `TLS with ${broker}`, ok: true, detail: 'off: anybody on the way can read along' }
    reached = true
  }
  if (reached) yield* testCluster(settings, context, signal)
}

async function* testCluster(settings: KafkaSettings, context: UplinkContext, signal: AbortSignal): AsyncIterable<TestStep> {
  // Not the transactional id of the uplink at work: this test would shut it out.
  const { log, route, traffic } = context
  const options = { identity: `${identityOf(context)}.test`, log, localAddress: route?.localAddress, traffic }
  let cluster: Cluster | undefined
  try {
    const signIn = await step('sign in', signal, async () => {
      cluster = await openCluster(settings, options)
      return whoWeAre(settings)
    })
    yield signIn
    if (cluster) yield* clusterSteps(cluster, settings, context, signal)
  } finally {
    cluster?.destroy()
  }
}

function whoWeAre({ sasl, tls: secured }: KafkaSettings): string {
  if (sasl) return `as ${sasl.mechanism === 'oauthbearer' ? sasl.clientId : sasl.user}`
  return secured?.cert ? 'with our certificate' : 'without authentication'
}

async function* clusterSteps(
  cluster: Cluster,
  settings: KafkaSettings,
  context: UplinkContext,
  signal: AbortSignal,
): AsyncIterable<TestStep> {
  yield await step('cluster', signal, async () => {
    const brokers = await cluster.brokers()
    return `${brokers.length} broker${brokers.length === 1 ? '' : 's'}: ${brokers.join(', ')}`
  })
  for (const name of topicsOf(settings, context).keys()) {
    const result = await topicSteps(cluster, name, signal)
    yield* result
    if (result.some((it) => !it.ok)) return
  }
  yield* schemaSteps(settings, context, signal)
  yield await step('transactions', signal, async () => {
    await cluster.fence(signal)
    return 'we may begin and abort one'
  })
  yield await step('position', signal, async () => {
    const found = await cluster.stored(identityOf(context), settings.topics.events)
    return !found || found.offset === '-1' ? 'none yet' : `transaction ${found.offset}`
  })
}

async function* schemaSteps(settings: KafkaSettings, context: UplinkContext, signal: AbortSignal): AsyncIterable<TestStep> {
  if (context.encoding?.format !== 'avro') return
  const schemas = topicSchemas(context)
  for (const [name, form] of topicsOf(settings, context)) {
    yield await step(`schema of ${name}`, signal, async () => {
      const problem = (await schemas.missing(new Map([[name, form]]))).get(name)
      if (problem) throw new Unreachable(problem.code, problem.text, { remedy: problem.remedy })
      return 'registered'
    })
  }
}

async function topicSteps(cluster: Cluster, name: string, signal: AbortSignal): Promise<TestStep[]> {
  let retention: number | undefined
  const exists = await step(`topic ${name}`, signal, async () => {
    const topic = onlyTopic(await cluster.topics([name]))
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

async function resolve(host: string, localAddress: string | undefined): Promise<string> {
  const ask = localAddress === undefined || net.isIP(host) ? lookup : lookupFrom(localAddress)
  const found = await new Promise<readonly LookupAddress[]>((done, fail) =>
    ask(host, { all: true }, (error, addresses) => (error ? fail(error) : done(addresses as LookupAddress[]))),
  )
  return found.map((it) => it.address).join(', ')
}
