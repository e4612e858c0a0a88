// Shapes of the network as the helper of root hands it out.
import { z } from 'zod'
import type { NetworkNow, NetworkPort } from '../../core/host.ts'
import { openPorts } from '../../settings/open-ports.ts'

export const networkPort: z.ZodType<NetworkPort> = z.strictObject({
  interface: z.string().max(15),
  zone: z.enum(['plant', 'uplink', 'service']).optional(),
  address: z.string().max(60),
  gateway: z.string().max(45).optional(),
  dns: z.array(z.string().max(45)).max(4).optional(),
  open: openPorts.optional(),
})

export const networkNow: z.ZodType<NetworkNow> = z.object({
  interfaces: z.array(
    z.object({
      name: z.string(),
      up: z.boolean(),
      mac: z.string(),
      addresses: z.array(z.string()),
      gateway: z.string().nullable(),
      radio: z
        .object({
          kind: z.enum(['wifi', 'modem']),
          state: z.string().nullable(),
          network: z.string().nullable(),
          signal: z.number().nullable(),
        })
        .optional(),
    }),
  ),
  ports: z.array(networkPort),
  pending: z.object({ ports: z.array(networkPort), by: z.string(), revertsInMs: z.number() }).nullable(),
  nameServers: z.array(z.string()),
  by: z.enum(['networkd', 'ip']).nullable(),
})
