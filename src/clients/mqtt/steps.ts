// `sources test NAME` of a source over MQTT: from the name of the broker to the first message, step by step, each with what to do.
// It comes as a client of its own (another id, a clean session), so that the source at work is not put out.
import type { IPublishPacket, MqttClient } from 'mqtt'
import type { Result } from '../reach.ts'
import { reachSteps, runStep, settled } from '../reach.ts'
import type { MqttAccess } from './connect.ts'
import { brokerOf, goodbye, newClient, tlsOptions } from './connect.ts'
import { explain, explainSuback } from './explain.ts'
import { subscribeAll } from './subscribe.ts'
import type { Subscribed } from './link.ts'
import type { TestStep } from '../../core/source.ts'

const FIRST_MESSAGE_MS_MAX = 5_000
const PAYLOAD_SHOWN_MAX = 60

export type Filters = ReadonlyMap<string, Subscribed>

export async function* testBroker(access: MqttAccess, filters: Filters, signal: AbortSignal): AsyncGenerator<TestStep> {
  const { host, port } = brokerOf(access.url)
  const where = `${host}:${port}`
  for await (const it of brokerSteps(access, signal)) {
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
export function brokerSteps({ url, tls, localAddress }: MqttAccess, signal: AbortSignal): AsyncGenerator<TestStep> {
  const { host, port, isEncrypted } = brokerOf(url)
  return reachSteps({ host, port, tls: isEncrypted ? tlsOptions(tls) : undefined, localAddress }, explain, signal)
}

async function* mqttSteps(filters: Filters, access: MqttAccess, where: string, signal: AbortSignal): AsyncGenerator<TestStep> {
  const client = newClient(access)
  const first = Promise.withResolvers<IPublishPacket>()
  client.handleMessage = (packet, done) => {
    first.resolve(packet)
    done()
  }
  try {
    const connected = await brokerStep('CONNECT', where, signal, (stop) => connectStep(client, access, stop))
    yield connected
    if (!connected.ok) return
    const subscribed = await brokerStep('SUBSCRIBE', where, signal, (stop) => subscribeStep(client, filters, stop))
    yield subscribed
    if (!subscribed.ok) return
    yield await brokerStep('first message', where, signal, (stop) => firstMessageStep(first.promise, stop))
  } finally {
    await goodbye(client)
  }
}

/** As `runStep` does, in the words of brokers. */
export function brokerStep(
  step: string,
  where: string,
  signal: AbortSignal,
  work: (stop: AbortSignal) => Promise<Result>,
): Promise<TestStep> {
  return runStep(step, where, signal, explain, work)
}

export async function connectStep(
  client: MqttClient,
  { clientId, version, user }: MqttAccess,
  signal: AbortSignal,
): Promise<Result> {
  const connected = settled(client as unknown as NodeJS.EventEmitter, 'connect', signal, 'the broker')
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
