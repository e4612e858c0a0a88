// Addresses and names as the helper takes them: nothing that is checked here can be more than an argument.
import { isIP } from 'node:net'
import { z } from 'zod'
import { openPorts } from '../../../settings/open-ports.ts'

const ADDRESS_ALLOWED = 'must be dhcp, or an address with its prefix as 10.20.1.5/24'

function isAddress(text: string): boolean {
  if (text === 'dhcp') return true
  const [ip = '', prefix = '', ...more] = text.split('/')
  const family = isIP(ip)
  const bits = family === 4 ? 32 : 128
  return (
    family !== 0 &&
    more.length === 0 &&
    /^\d{1,3}$/.test(prefix) &&
    Number(prefix) > 0 &&
    Number(prefix) <= bits &&
    !ip.includes('%')
  )
}

const INTERFACE_ALLOWED = 'must be the name of a network interface, as eth1'
/** As the kernel has them; `lo` is nobody's to change. */
export const interfaceName = z
  .string({ error: INTERFACE_ALLOWED })
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/, { error: INTERFACE_ALLOWED })
  .refine((it) => it !== 'lo', { error: 'lo stays as it is' })

const ip = z.string().refine((it) => isIP(it) !== 0 && !it.includes('%'), { error: 'must be an address, as 10.20.1.1' })

export const networkPort = z
  .strictObject({
    interface: interfaceName,
    zone: z.enum(['plant', 'uplink', 'service']).optional(),
    address: z.string({ error: ADDRESS_ALLOWED }).max(60).refine(isAddress, { error: ADDRESS_ALLOWED }),
    gateway: ip.optional(),
    dns: z.array(ip).max(4).optional(),
    open: openPorts.optional(),
  })
  .refine((it) => it.gateway === undefined || it.address !== 'dhcp', {
    error: 'dhcp brings its own gateway',
    path: ['gateway'],
  })
  .refine((it) => it.gateway === undefined || isIP(it.gateway) === isIP(it.address.split('/')[0] ?? ''), {
    error: 'must be of the same family as the address',
    path: ['gateway'],
  })
