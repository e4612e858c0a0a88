// Keys that several kinds have.
import { z } from 'zod'

export const pem = z
  .string()
  .regex(/-----BEGIN CERTIFICATE-----/, { error: 'must be the PEM text itself (-----BEGIN …), or { secret: NAME }' })

/** Why it may be without encryption. */
export const insecure = z.string().min(3).max(200)
