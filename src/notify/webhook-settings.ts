// What stands under `webhook:` of a notifier. Read by processes that must stay small: zod alone.
import { z } from 'zod'
import { insecure, pem } from './common-settings.ts'

const URL_ALLOWED = 'must be an https:// or http:// address without a user in it, or { secret: NAME }'

export const webhookSettingsSchema = z
  .strictObject({
    url: z
      .string({ error: URL_ALLOWED })
      .max(2_000, { error: URL_ALLOWED })
      .refine((it) => /^https?:\/\/[^\s@/]+(\/\S*)?$/.test(it) && URL.canParse(it), { error: URL_ALLOWED }),
    /** Sent as Authorization: Bearer. */
    token: z
      .string()
      .regex(/^[\x21-\x7e]{1,4000}$/, { error: 'must be printable ASCII without blanks' })
      .optional(),
    /** Authorities to trust instead of the system's. */
    ca: pem.optional(),
    insecure: insecure.optional(),
  })
  .superRefine((it, context) => {
    const problem = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    const isPlain = it.url.startsWith('http:')
    if (isPlain && it.insecure === undefined)
      problem('url', 'nothing would be encrypted: take https://, or say why not with insecure: "the reason"')
    if (isPlain && it.ca !== undefined) problem('ca', 'only an https:// url is encrypted')
  })

export type WebhookSettings = z.output<typeof webhookSettingsSchema>
