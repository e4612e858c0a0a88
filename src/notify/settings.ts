// What stands under the key that names a kind of notifier.
import { webhookSettingsSchema } from './webhook-settings.ts'

export const notifySchemas = { webhook: webhookSettingsSchema }
