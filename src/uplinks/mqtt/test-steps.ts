// `uplinks test`: from the name of the broker to a message that it takes, step by step, each with what to do. It comes as a client of its own, so that
// the uplink at work is not put out. The message is empty and is kept nowhere.
import type { MqttClient } from 'mqtt'
import { brokerOf, goodbye, newClient } from '../../clients/mqtt/connect.ts'
import type { Result } from '../../clients/reach.ts'
import { brokerStep, brokerSteps, connectStep, testAccess } from '../../clients/mqtt/steps.ts'
import type { TestStep } from '../../core/source.ts'
import type { UplinkContext } from '../../core/uplink.ts'
import { refusalOf } from './errors.ts'
import { uplinkAccess } from './session.ts'
import type { MqttUplinkSettings } from './settings.ts'
import { topicOf } from './topics.ts'

const TEST_TAG = 'holdfast-test'

export async function* testUplink(
  settings: MqttUplinkSettings,
  context: UplinkContext,
  signal: AbortSignal,
): AsyncGenerator<TestStep> {
  const { access: own, sockets } = uplinkAccess(settings, context)
  const access = testAccess(own)
  const { host, port } = brokerOf(access.url)
  const where = `${host}:${port}`
  for await (const it of brokerSteps(access, signal)) {
    yield it
    if (!it.ok) return
  }
  const client = newClient(access)
  try {
    const connected = await brokerStep('CONNECT', where, signal, (stop) => connectStep(client, access, stop))
    yield connected
    if (!connected.ok) return
    const name = (context.served ?? context.classes)?.[0] ?? 'default'
    const { device, site } = context
    const topic = topicOf(settings.topics.telemetry, { device, site, class: name, tag: TEST_TAG })
    yield await brokerStep('PUBLISH', where, signal, () => publishStep(client, topic))
    if (settings.retain) yield await brokerStep('last values', where, signal, () => keptStep(client, topic))
  } finally {
    await goodbye(client)
    sockets.destroy()
  }
}

async function publishStep(client: MqttClient, topic: string): Promise<Result> {
  const reason = await new Promise<number>((resolve, reject) => {
    client.publish(topic, '', { qos: 1 }, (error) => {
      const { code } = (error ?? { code: 0 }) as { code?: unknown }
      if (typeof code === 'number') resolve(code)
      else reject(error as Error)
    })
  })
  const refused = refusalOf(reason)
  if (refused) return { ok: false, detail: `${topic}: ${refused.text} (reason ${reason})`, remedy: refused.remedy }
  const isSilent = client.options.protocolVersion !== 5
  return {
    ok: true,
    detail: `${topic}: acknowledged${isSilent ? ' (MQTT 3.1.1: a broker acknowledges what it throws away too)' : ''}`,
  }
}

/** Whether the broker keeps values, and lets us see which. */
async function keptStep(client: MqttClient, topic: string): Promise<Result> {
  if (client.serverProperties?.retainAvailable === false)
    return { ok: false, detail: 'the broker keeps no last values', remedy: 'allow retained messages there, or set retain: false' }
  const granted = await client.subscribeAsync(topic, { qos: 0 }).then(
    ([it]) => it?.qos ?? 128,
    () => 128,
  )
  if (granted < 128) return { ok: true, detail: 'the broker keeps them, and shows them to us' }
  return {
    ok: false,
    detail: 'the broker does not show us what it keeps: after a doubt an older value may stand there for a moment',
    remedy: 'let this user subscribe to its own topics',
  }
}
