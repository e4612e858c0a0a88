// What stands under `box:` of an uplink, and under `boxes:` where other boxes come in. Read by processes that must stay small: zod and core only.
import { z } from 'zod'

const secret = z.union([z.string().min(1).max(1_000), z.strictObject({ secret: z.string().min(1) })], {
  error: 'must be { secret: NAME }',
})
const pem = z.union([z.string().regex(/-----BEGIN [A-Z ]+-----/), z.strictObject({ secret: z.string().min(1) })], {
  error: 'must be the PEM text itself (-----BEGIN …), or { secret: NAME }',
})

const URL_FORM = /^https:\/\/(\[[0-9a-fA-F:]+\]|[^\s:/@?#]+)(:\d{1,5})?\/?$/

export const boxSettingsSchema = z
  .strictObject({
    url: z.string().refine((it) => URL_FORM.test(it) && URL.canParse(it), {
      error: 'must be the https:// address of the other box, as https://post.example.com:8460',
    }),
    password: secret.optional(),
    tls: z
      .strictObject({
        /** Authorities to trust instead of the system's. */
        ca: pem.optional(),
        cert: pem.optional(),
        key: pem.optional(),
        /** The name that the other box's certificate has, where it is not the address. */
        serverName: z.string().min(1).max(253).optional(),
      })
      .refine((it) => (it.cert === undefined) === (it.key === undefined), { error: 'must have both of cert and key, or none' })
      .prefault({}),
  })
  .refine((it) => it.password !== undefined || it.tls.cert !== undefined, {
    error: 'must have a password, or tls.cert and tls.key: the other box has to know who sends',
    path: ['password'],
  })

/** As the uplink is opened with: secrets resolved. */
export interface BoxSettings {
  readonly url: string
  readonly password?: string | undefined
  readonly tls: Readonly<Partial<Record<'ca' | 'cert' | 'key' | 'serverName', string | undefined>>>
}

export const BOX_PORT = 8460
