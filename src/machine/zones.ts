// Which zone each port of the box is in, and what follows: who may come in there (nftables) and its address (networkd) while nobody has set one.
//
// A port that nobody has put in a zone gets one by its place: the first leads out, the last is for service, those between are the plant's.
// A box with one port is reached on it. A port in no zone takes nothing in.
import type { NetworkPort, OpenPort } from '../core/host.ts'

export type Zone = NonNullable<NetworkPort['zone']>

export interface SeenPort {
  readonly name: string
  /** On a bus that is soldered: what is plugged in is in no zone by itself. */
  readonly isBuiltIn: boolean
  readonly isWireless: boolean
}

export interface ZonedPort {
  readonly name: string
  readonly zone: Zone
  /** Nobody has set its address. */
  readonly isByPlace: boolean
  /** It is the only one. */
  readonly isOnly: boolean
  /** TCP ports that may be reached on it besides the page's. */
  readonly open: readonly number[]
}

/** Where a phone finds the page without knowing anything. */
const SERVICE_ADDRESS = '192.168.77.1/24'
const ZONES: readonly Zone[] = ['plant', 'uplink', 'service']

export function zonesOf(seen: readonly SeenPort[], set: readonly NetworkPort[]): ZonedPort[] {
  const zoneSet = (name: string) => set.find((it) => it.interface === name)?.zone
  const hasSet = (zone: Zone) => set.some((it) => it.zone === zone)
  const wired = seen.filter((it) => it.isBuiltIn && !it.isWireless).map((it) => it.name)
  const free = wired.toSorted(byPlace).filter((it) => zoneSet(it) === undefined)
  const service = hasSet('service') ? undefined : free.at(-1)
  const uplink = hasSet('uplink') ? undefined : free.find((it) => it !== service)
  const zoneByPlace = (name: string): Zone => (name === service ? 'service' : name === uplink ? 'uplink' : 'plant')
  const byHand = seen.flatMap(({ name }) => {
    const zone = zoneSet(name)
    return zone === undefined ? [] : [{ name, zone }]
  })
  const all = [...byHand, ...free.map((name) => ({ name, zone: zoneByPlace(name) }))]
  return all
    .toSorted((a, b) => byPlace(a.name, b.name))
    .map((it) => ({
      ...it,
      isByPlace: !set.some((port) => port.interface === it.name),
      isOnly: wired.length === 1 && it.name === wired[0],
      open: set.find((port) => port.interface === it.name)?.open ?? [],
    }))
}

/** eth2 before eth10. */
function byPlace(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

/** The sets of /etc/nftables.conf, all at once. */
export function nftText(ports: readonly ZonedPort[]): string {
  const lines = ZONES.flatMap((zone) => {
    const names = ports.filter((it) => it.zone === zone).map((it) => `"${it.name}"`)
    const flush = `flush set inet holdfast ${zone}`
    return names.length > 0 ? [flush, `add element inet holdfast ${zone} { ${names.join(', ')} }`] : [flush]
  })
  const open = ports.flatMap((it) => it.open.map((port) => `"${it.name}" . ${port}`))
  lines.push(
    'flush set inet holdfast open',
    ...(open.length > 0 ? [`add element inet holdfast open { ${open.join(', ')} }`] : []),
  )
  return `${lines.join('\n')}\n`
}

/** What the settings opened, as `status` has it. */
export function openOf(ports: readonly ZonedPort[]): OpenPort[] {
  return ports.flatMap(({ name, zone, open }) => open.map((port) => ({ interface: name, zone, port })))
}

/** A file of networkd for a port that nobody has set an address for. */
export function networkText({ name, zone, isOnly }: ZonedPort): string {
  const match = `# By its place, until somebody sets it: zone ${zone}.\n[Match]\nName=${name}\n\n[Network]\n`
  if (zone === 'uplink') return `${match}DHCP=yes\nMulticastDNS=no\n`
  if (zone === 'plant') return `${match}LinkLocalAddressing=no\nMulticastDNS=no\n`
  // Others may serve addresses on the only port.
  if (isOnly) return `${match}DHCP=yes\nAddress=${SERVICE_ADDRESS}\nMulticastDNS=yes\n`
  return `${match}Address=${SERVICE_ADDRESS}\nDHCPServer=yes\nMulticastDNS=yes\n\n[DHCPServer]\nEmitRouter=no\nEmitDNS=no\nPoolOffset=100\nPoolSize=50\n`
}
