// What stands under the key that names a kind of notifier.
import { mailSettingsSchema } from './mail-settings.ts'
import { mqttSettingsSchema } from './mqtt-settings.ts'
import { webhookSettingsSchema } from './webhook-settings.ts'

export const notifySchemas = { webhook: webhookSettingsSchema, mqtt: mqttSettingsSchema, mail: mailSettingsSchema }
