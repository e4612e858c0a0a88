// The kinds of notifiers: a line each. What a kind needs is loaded where it is used.
import type { OpenTarget } from '../core/notify.ts'

/** By the key that names it in the settings. What is opened with is what the kind's own schema yields, secrets resolved. */
export const notifyKinds: Readonly<Record<string, () => Promise<OpenTarget>>> = {
  mqtt: async () => (await import('./mqtt.ts')).openMqtt,
  mail: async () => (await import('./mail.ts')).openMail,
  webhook: async () => (await import('./webhook.ts')).openWebhook,
}
