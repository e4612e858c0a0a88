// What stands under `mail:` of a notifier. Read by processes that must stay small: zod alone.
import { z } from 'zod'
import { insecure, pem } from './common-settings.ts'

export const MAIL_PORTS = { implicit: 465, starttls: 587, none: 25 } as const
const RECIPIENTS_MAX = 50
const ADDRESS_ALLOWED = 'must be an address of mail, as shift@plant-1.example'
const HOST_ALLOWED = 'must be the name or the address of a host'
const PORT_ALLOWED = 'must be a port from 1 to 65535'

const address = z
  .string({ error: ADDRESS_ALLOWED })
  .max(254, { error: ADDRESS_ALLOWED })
  .regex(/^[^\s@<>(),;:"\\\p{Cc}]+@[^\s@<>(),;:"\\\p{Cc}]+$/u, { error: ADDRESS_ALLOWED })

export const mailSettingsSchema = z
  .strictObject({
    host: z.string({ error: HOST_ALLOWED }).regex(/^[A-Za-z0-9._:-]{1,253}$/, { error: HOST_ALLOWED }),
    port: z.int({ error: PORT_ALLOWED }).min(1, { error: PORT_ALLOWED }).max(65_535, { error: PORT_ALLOWED }).optional(),
    /** implicit: from the first byte · starttls: before anything is said · none. */
    tls: z.enum(['implicit', 'starttls', 'none']).default('implicit'),
    /** Authorities to trust instead of the system's. */
    ca: pem.optional(),
    user: z.string().min(1).max(256).optional(),
    password: z.string().min(1).max(4_000).optional(),
    from: address,
    to: z.array(address).min(1).max(RECIPIENTS_MAX),
    insecure: insecure.optional(),
  })
  .superRefine((it, context) => {
    const problem = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    if ((it.user === undefined) !== (it.password === undefined))
      problem(it.user === undefined ? 'user' : 'password', 'user and password go together')
    if (it.tls !== 'none') return
    if (it.insecure === undefined)
      problem('tls', 'nothing would be encrypted: take implicit or starttls, or say why not with insecure: "the reason"')
    if (it.ca !== undefined) problem('ca', 'without TLS nobody shows a certificate')
  })

export type MailSettings = z.output<typeof mailSettingsSchema>
