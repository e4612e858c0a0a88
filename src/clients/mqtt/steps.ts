// `sources test NAME` of a source over MQTT: from the name of the broker to the first message, step by step, each with what to do.
// It comes as a client of its own (another id, a clean session), so that the source at work is not put out.
import { lookup } from 'node:dns/promises'
import { connect as connectTcp, isIP } from 'node:net'
import type { DetailedPeerCertificate } from 'node:tls'
import { checkServerIdentity, connect as connectTls } from 'node:tls'
import type { IPublishPacket, MqttClient } from 'mqtt'
import type { Broker, MqttAccess } from './connect.ts'
import { brokerOf, goodbye, newClient, tlsOptions } from './connect.ts'
import { explain, explainSuback } from './explain.ts'
import { subscribeAll } from './subscribe.ts'
import type { Subscribed } from './link.ts'
import { TEST_STEP_MS_MAX } from '../../core/bounds.ts'
import type { TestStep } from '../../core/source.ts'

const FIRST_MESSAGE_MS_MAX = 5_000
const PAYLOAD_SHOWN_MAX = 60

export type Filters = ReadonlyMap<string, Subscribed>

export async function* testBroker(access: MqttAccess, filters: Filters, signal: AbortSignal): AsyncGenerator<TestStep> {
  const { host, port } = brokerOf(access.url)
  const where = `${host}:${port}`
  for await (const it of reachSteps(access, signal)) {
    yield it
    if (!it.ok) return
  }
  yield* mqttSteps(filters, testAccess(access), where, signal)
}

/** As a client of its own that leaves nothing behind. */
export function testAccess({ will: _none, ...access }: MqttAccess): MqttAccess {
  return { ...access, clientId: `${access.clientId}-test`, isClean: true }
}

/** Name, port and certificate of the broker; ends with the first that fails. */
export async function* reachSteps(access: MqttAccess, signal: AbortSignal): AsyncGenerator<TestStep> {
  const broker = brokerOf(access.url)
  const where = `${broker.host}:${broker.port}`
  const steps = [
    () => nameStep(broker),
    (stop: AbortSignal) => tcpStep(broker, access, stop),
    ...(broker.isEncrypted ? [(stop: AbortSignal) => tlsStep(broker, access, stop)] : []),
  ]
  const names = ['DNS', 'TCP', 'TLS']
  for (const [at, step] of steps.entries()) {
    const result = await runStep(names[at] as string, where, signal, step)
    yield result
    if (!result.ok) return
  }
}

async function* mqttSteps(filters: Filters, access: MqttAccess, where: string, signal: AbortSignal): AsyncGenerator<TestStep> {
  const client = newClient(access)
  const first = Promise.withResolvers<IPublishPacket>()
  client.handleMessage = (packet, done) => {
    first.resolve(packet)
    done()
  }
  try {
    const connected = await runStep('CONNECT', where, signal, (stop) => connectStep(client, access, stop))
    yield connected
    if (!connected.ok) return
    const subscribed = await runStep('SUBSCRIBE', where, signal, (stop) => subscribeStep(client, filters, stop))
    yield subscribed
    if (!subscribed.ok) return
    yield await runStep('first message', where, signal, (stop) => firstMessageStep(first.promise, stop))
  } finally {
    await goodbye(client)
  }
}

export type Result = Omit<TestStep, 'step'>

/** A step that fails or takes too long is a line, never an exception. */
export async function runStep(
  step: string,
  where: string,
  signal: AbortSignal,
  work: (stop: AbortSignal) => Promise<Result>,
): Promise<TestStep> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(TEST_STEP_MS_MAX)])
  try {
    return { step, ...(await Promise.race([work(stop), aborted(stop)])) }
  } catch (error) {
    if (signal.aborted) return { step, ok: false, detail: 'broken off' }
    const late = Object.assign(new Error(`no answer within ${TEST_STEP_MS_MAX / 1000} s`), { code: 'ETIMEDOUT' })
    const { text, remedy } = explain(stop.aborted ? late : error, where)
    return { step, ok: false, detail: text, remedy }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
}

async function nameStep({ host }: Broker): Promise<Result> {
  if (isIP(host)) return { ok: true, detail: `${host} is an address` }
  const found = await lookup(host, { all: true })
  return { ok: true, detail: `${host} is ${found.map(({ address }) => address).join(', ')}` }
}

async function tcpStep({ host, port }: Broker, access: MqttAccess, signal: AbortSignal): Promise<Result> {
  const socket = connectTcp({ host, port, ...from(access) })
  try {
    await settled(socket, 'connect', signal)
    return { ok: true, detail: `connected to ${socket.remoteAddress}:${socket.remotePort} from ${socket.localAddress}` }
  } finally {
    socket.destroy()
  }
}

const from = ({ localAddress }: MqttAccess) => (localAddress === undefined ? {} : { localAddress })

/** Connects without insisting, so that a certificate can be shown that is then refused. Nothing is sent over it. */
async function tlsStep(broker: Broker, access: MqttAccess, signal: AbortSignal): Promise<Result> {
  const { host, port } = broker
  const { tls } = access
  const name = tls?.serverName ?? host
  const socket = connectTls({
    host,
    port,
    ...from(access),
    ...(isIP(name) === 0 && { servername: name }),
    ...tlsOptions(tls),
    rejectUnauthorized: false,
  })
  try {
    await settled(socket, 'secureConnect', signal)
    const certificate = socket.getPeerCertificate(true)
    const shown = `${socket.getProtocol()}, certificate of ${describe(certificate)}`
    const problem = socket.authorizationError ?? checkServerIdentity(name, certificate)
    if (!problem) return { ok: true, detail: `${shown}; trusted, and for ${name}` }
    const { text, remedy } = explain(
      typeof problem === 'string' ? { code: problem, message: problem } : problem,
      `${host}:${port}`,
    )
    return { ok: false, detail: `${text}; ${shown}`, remedy }
  } finally {
    socket.destroy()
  }
}

function describe({ subject, issuer, subjectaltname, valid_to: validTo, fingerprint256 }: DetailedPeerCertificate): string {
  const names = subjectaltname ? ` (${subjectaltname})` : ''
  return `${subject?.CN ?? 'nobody'}${names}, signed by ${issuer?.CN ?? 'nobody'}, valid until ${validTo}, SHA-256 ${fingerprint256}`
}

export async function connectStep(
  client: MqttClient,
  { clientId, version, user }: MqttAccess,
  signal: AbortSignal,
): Promise<Result> {
  const connected = settled(client as unknown as NodeJS.EventEmitter, 'connect', signal)
  client.connect()
  await connected
  return {
    ok: true,
    detail: `MQTT ${version}, accepted as ${clientId}${user === undefined ? ' without a user' : `, user ${user}`}`,
  }
}

async function subscribeStep(client: MqttClient, filters: Filters, signal: AbortSignal): Promise<Result> {
  const granted = await new Promise<ReadonlyMap<string, number>>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    client.once('close', () => reject(new Error('the broker did not answer')))
    subscribeAll(client, new Map([...filters].map(([filter, { qos }]) => [filter, { qos }])), resolve)
  })
  const answers = [...filters].map(([filter, { qos }]) => ({ filter, qos, code: granted.get(filter) ?? 128 }))
  const detail = answers.map(({ filter, code }) => `${filter}: ${explainSuback(code)}`).join('; ')
  const isLowered = answers.some(({ code, qos }) => code < qos)
  if (answers.some(({ code }) => code >= 128))
    return { ok: false, detail, remedy: 'allow the topics for this user at the broker' }
  return { ok: true, detail, ...(isLowered && { remedy: 'QoS 0 where 1 was asked for: messages may be lost on the way' }) }
}

async function firstMessageStep(first: Promise<IPublishPacket>, signal: AbortSignal): Promise<Result> {
  const quiet = new Promise<undefined>((resolve) => {
    const timer = setTimeout(resolve, FIRST_MESSAGE_MS_MAX, undefined)
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
    void first.then(() => clearTimeout(timer))
  })
  const packet = await Promise.race([first, quiet])
  if (!packet)
    return {
      ok: true,
      detail: `none within ${FIRST_MESSAGE_MS_MAX / 1000} s: nobody publishes on these topics just now, or they are named wrongly`,
    }
  const shown = packet.payload.toString().slice(0, PAYLOAD_SHOWN_MAX)
  return {
    ok: true,
    detail: `on ${packet.topic}, ${packet.payload.length} bytes: ${shown}${shown.length < packet.payload.length ? '…' : ''}`,
  }
}

/** Resolves with the event, rejects with 'error', an early 'close' or the signal's reason. */
function settled(emitter: NodeJS.EventEmitter, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    emitter.once(event, () => resolve())
    emitter.once('error', reject)
    emitter.once('close', () => reject(new Error('the broker closed the connection')))
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
