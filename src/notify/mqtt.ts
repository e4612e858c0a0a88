// A broker on site: each message is one of MQTT with QoS 1, JSON as for a webhook. A connection for each: they are few.
import type { MqttClient } from 'mqtt'
import { accessOf } from '../clients/mqtt/access.ts'
import type { MqttAccess } from '../clients/mqtt/connect.ts'
import { brokerOf, goodbye, newClient } from '../clients/mqtt/connect.ts'
import { explain } from '../clients/mqtt/explain.ts'
import type { Result } from '../clients/reach.ts'
import { brokerStep, brokerSteps, connectStep, testAccess } from '../clients/mqtt/steps.ts'
import { Unreachable } from '../core/errors.ts'
import type { Notification, NotifyContext, NotifyTarget } from '../core/notify.ts'
import type { MqttNotifySettings } from './mqtt-settings.ts'

const ANSWER_MS_MAX = 20_000
const REFUSED_MIN = 128
const NOT_AUTHORISED = 135

export function openMqtt(settings: MqttNotifySettings, { device, name }: NotifyContext): NotifyTarget {
  const clientId = settings.clientId ?? `holdfast-${device}-notify-${name}`
  const access = { ...accessOf({ ...settings, clientId }, { device, name }), isClean: true }
  const { host, port } = brokerOf(access.url)
  const where = `${host}:${port}`

  async function send(notification: Notification, signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)])
    const client = newClient(access)
    try {
      await connected(client, access, where, stop)
      await published(client, settings, notification, where, stop)
    } catch (error) {
      throw asUnreachable(stop.aborted ? Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }) : error, where)
    } finally {
      await goodbye(client)
    }
  }

  return {
    send,
    async *test(notification, signal) {
      const own = testAccess(access)
      for await (const it of brokerSteps(own, signal)) {
        yield it
        if (!it.ok) return
      }
      const client = newClient(own)
      // It may fail once more when it is closed.
      client.on('error', () => {})
      try {
        const step = await brokerStep('CONNECT', where, signal, (stop) => connectStep(client, own, stop))
        yield step
        if (!step.ok) return
        yield await brokerStep('PUBLISH', where, signal, (stop) => publishStep(client, settings, notification, where, stop))
      } finally {
        await goodbye(client)
      }
    },
    close: async () => {},
  }
}

async function connected(client: MqttClient, access: MqttAccess, where: string, signal: AbortSignal): Promise<void> {
  let failure: unknown
  client.on('error', (error) => (failure ??= error))
  await connectStep(client, access, signal).catch((error: unknown) => {
    throw asUnreachable(failure ?? error, where)
  })
}

async function publishStep(
  client: MqttClient,
  settings: MqttNotifySettings,
  notification: Notification,
  where: string,
  signal: AbortSignal,
): Promise<Result> {
  const topic = topicOf(settings, notification)
  const reason = await published(client, settings, notification, where, signal).catch((error: unknown) => {
    if (error instanceof Unreachable) return error
    throw error
  })
  if (reason) return { ok: false, detail: reason.message, ...(reason.remedy !== undefined && { remedy: reason.remedy }) }
  const isSilent = client.options.protocolVersion !== 5
  const doubt = isSilent ? ' (MQTT 3.1.1: a broker acknowledges what it throws away too)' : ''
  return { ok: true, detail: `${topic}: acknowledged${doubt}` }
}

/** Rejects when the connection ends first. */
function published(
  client: MqttClient,
  settings: MqttNotifySettings,
  notification: Notification,
  where: string,
  signal: AbortSignal,
): Promise<undefined> {
  const topic = topicOf(settings, notification)
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    client.once('close', () => reject(new Error('the broker closed the connection')))
    client.publish(topic, JSON.stringify(notification), { qos: 1, retain: settings.retain }, (error) => {
      const { code } = (error ?? { code: 0 }) as { code?: unknown }
      if (typeof code === 'number' && code < REFUSED_MIN) resolve(undefined)
      else reject(typeof code === 'number' ? refused(code, topic, where) : error)
    })
  })
}

function topicOf({ topic }: MqttNotifySettings, { device, site }: Notification): string {
  const level = (text: string) => text.toWellFormed().replaceAll(/[+#\p{Cc}]/gu, '_') || '_'
  return topic.replaceAll('{device}', () => level(device)).replaceAll('{site}', () => level(site))
}

function refused(reason: number, topic: string, where: string): Unreachable {
  if (reason === NOT_AUTHORISED)
    return new Unreachable('publish-denied', `${where}: the broker does not let us publish on ${topic}`, {
      remedy: 'allow the topic for this user in the access list of the broker',
    })
  return new Unreachable('publish-refused', `${where}: the broker refuses the message on ${topic} (reason ${reason})`, {
    remedy: 'look at the broker and its log',
  })
}

function asUnreachable(error: unknown, where: string): Unreachable {
  if (error instanceof Unreachable) return error
  const { code, text, remedy } = explain(error, where)
  return new Unreachable(code, text, { cause: error, remedy })
}
