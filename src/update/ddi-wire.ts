// What a hawkBit server says to a device (its Direct Device Integration API), as far as we use it. What is more is left alone.
import { z } from 'zod'

const link = z.object({ href: z.url() })

export const baseAnswer = z.object({
  config: z.object({ polling: z.object({ sleep: z.string() }).optional() }).optional(),
  _links: z
    .object({
      configData: link.optional(),
      deploymentBase: link.optional(),
      cancelAction: link.optional(),
      confirmationBase: link.optional(),
    })
    .optional(),
})

const artifact = z.object({
  filename: z.string().min(1).max(255),
  hashes: z.object({
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/i)
      .optional(),
  }),
  size: z.number().int().min(0),
  _links: z.object({ download: link.optional(), 'download-http': link.optional() }),
})
export type Artifact = z.output<typeof artifact>

const handling = z.enum(['skip', 'attempt', 'forced'])

const deployment = z.object({
  download: handling,
  update: handling,
  maintenanceWindow: z.enum(['available', 'unavailable']).optional(),
  chunks: z.array(z.object({ name: z.string(), version: z.string(), artifacts: z.array(artifact) })),
})
export type Deployment = z.output<typeof deployment>

const id = z.coerce.string().regex(/^[0-9A-Za-z_-]{1,64}$/)

export const deploymentAnswer = z.object({ id, deployment })
export const confirmationAnswer = z.object({ id, confirmation: deployment })
export const cancelAnswer = z.object({ id, cancelAction: z.object({ stopId: id }) })

const SLEEP = /^(\d{1,3}):([0-5]\d):([0-5]\d)$/
const POLL_MS_MIN = 1_000
const POLL_MS_MAX = 86_400_000
const POLL_MS_DEFAULT = 300_000

/** `00:05:00` */
export function sleepMs(text: string | undefined): number {
  const [, hours, minutes, seconds] = SLEEP.exec(text ?? '') ?? []
  if (hours === undefined) return POLL_MS_DEFAULT
  return Math.min(POLL_MS_MAX, Math.max(POLL_MS_MIN, (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000))
}
