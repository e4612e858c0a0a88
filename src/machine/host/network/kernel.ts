// Addresses and routes as the kernel has them, read and set by the ip command.
import type { InterfaceNow, NetworkPort, RadioNow } from '../../../core/host.ts'
import { modemsNow, wifiNow } from '../../radio.ts'
import { BadInput } from '../../../core/errors.ts'
import type { Programs } from '../programs.ts'

/** What an interface had, to be put back. */
export interface Had {
  readonly name: string
  readonly up: boolean
  readonly addresses: readonly string[]
  /** Those that no address made by itself. */
  readonly routes: readonly { readonly to: string; readonly via?: string | undefined; readonly metric?: number | undefined }[]
}

interface IpLink {
  readonly ifname: string
  readonly address?: string
  readonly flags?: readonly string[]
  readonly operstate?: string
  readonly addr_info?: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[]
}

interface IpRoute {
  readonly dst: string
  readonly gateway?: string
  readonly dev?: string
  readonly protocol?: string
  readonly metric?: number
}

export async function interfacesNow(programs: Programs): Promise<InterfaceNow[]> {
  const links = await json<IpLink>(programs, ['-j', 'address', 'show'])
  const routes = await routesOf(programs, ['default'])
  const ports = links.filter((it) => it.ifname !== 'lo')
  const radios = new Map([...wifiNow(ports.map((it) => it.ifname)), ...(await modemsNow(programs))])
  return ports.map((it) => ({
    name: it.ifname,
    up: it.operstate === 'UP' || it.operstate === 'UNKNOWN',
    mac: it.address ?? '',
    addresses: addressesOf(it),
    gateway: routes.find((route) => route.dev === it.ifname)?.gateway ?? null,
    ...(radios.has(it.ifname) && { radio: radios.get(it.ifname) as RadioNow }),
  }))
}

/** Throws BadInput where there is no such interface. */
export async function hadBy(programs: Programs, name: string): Promise<Had> {
  const link = (await json<IpLink>(programs, ['-j', 'address', 'show'])).find((it) => it.ifname === name)
  if (!link) {
    const remedy = 'network show lists those that there are'
    throw new BadInput([{ where: name, text: 'there is no such network interface', remedy }])
  }
  const routes = await routesOf(programs, ['dev', name])
  return {
    name,
    up: link.flags?.includes('UP') === true,
    addresses: addressesOf(link),
    routes: routes
      .filter((it) => it.protocol !== 'kernel' && !it.dst.startsWith('fe80:'))
      .map((it) => ({ to: it.dst, via: it.gateway, metric: it.metric })),
  }
}

export async function setPort(programs: Programs, port: NetworkPort): Promise<void> {
  const { interface: name, address, gateway } = port
  const routes = gateway === undefined ? [] : [{ to: 'default', via: gateway }]
  await putBack(programs, { name, up: true, addresses: [address], routes })
}

/** What the interface has afterwards is this and no more; a second time changes nothing. */
export async function putBack(programs: Programs, { name, up, addresses, routes }: Had): Promise<void> {
  const ip = (...args: string[]) => programs.run('ip', args)
  await ip('address', 'flush', 'dev', name, 'scope', 'global')
  await ip('link', 'set', 'dev', name, 'up')
  for (const it of addresses) await ip('address', 'replace', it, 'dev', name)
  for (const { to, via, metric } of routes) {
    const family = (via ?? to).includes(':') ? '-6' : '-4'
    const way = [...(via === undefined ? [] : ['via', via]), 'dev', name, ...(metric ? ['metric', String(metric)] : [])]
    await ip(family, 'route', 'replace', to, ...way)
  }
  if (!up) await ip('link', 'set', 'dev', name, 'down')
}

function addressesOf({ addr_info: found = [] }: IpLink): string[] {
  return found.filter((it) => it.scope === 'global').map((it) => `${it.local}/${it.prefixlen}`)
}

async function routesOf(programs: Programs, which: readonly string[]): Promise<IpRoute[]> {
  const [four, six] = await Promise.all([
    json<IpRoute>(programs, ['-j', '-4', 'route', 'show', ...which]),
    json<IpRoute>(programs, ['-j', '-6', 'route', 'show', ...which]),
  ])
  return [...four, ...six]
}

async function json<T>(programs: Programs, args: readonly string[]): Promise<T[]> {
  const text = await programs.run('ip', args)
  return text.trim() === '' ? [] : (JSON.parse(text) as T[])
}
