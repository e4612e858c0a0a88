// Each port once: what the system has now, what stands, what the settings say, and whether they agree.
import type { InterfaceNow, NetworkNow, NetworkPort } from '../../../core/host.ts'
import { OPEN_PORT_MIN, OPEN_PORTS_MAX } from '../../../core/bounds.ts'
import type { SettingsChange } from '../../../core/operator.ts'
import type { PortText } from '../../settings-text/ports.ts'
import { isVar } from '../../settings-text/scalar.ts'

export interface PortView {
  readonly name: string
  /** Undefined: this box has no such interface. */
  readonly now: InterfaceNow | undefined
  /** As it was applied last. */
  readonly standing: NetworkPort | undefined
  readonly said: PortText | undefined
  /** What they ask for, the box's own values filled in. */
  readonly asked?: NetworkPort | undefined
  /** Ports that nobody has set are in a zone by their place. */
  readonly isZoned?: boolean
}

export function portViews(
  { interfaces, ports, by }: NetworkNow,
  said: readonly PortText[],
  asked: readonly NetworkPort[],
): readonly PortView[] {
  const names = new Set([...said.map((it) => it.interface), ...interfaces.map((it) => it.name)])
  return [...names].map((name) => ({
    name,
    now: interfaces.find((it) => it.name === name),
    standing: ports.find((it) => it.interface === name),
    said: said.find((it) => it.interface === name),
    asked: asked.find((it) => it.interface === name),
    isZoned: by === 'networkd',
  }))
}

/** Whether the settings ask for something that is not in use. */
export function differs({ now, standing, asked, isZoned = false }: PortView): boolean {
  if (!now || !asked) return false
  if ((standing?.zone || isZoned) && asked.zone !== standing?.zone) return true
  if (openText(asked) !== openText(standing)) return true
  if (asked.address === 'dhcp') return standing !== undefined && standing.address !== 'dhcp'
  return !now.addresses.includes(asked.address) || (asked.gateway !== undefined && asked.gateway !== now.gateway)
}

/** What a port is to have, as it is typed. */
export interface PortDraft {
  readonly zone: string
  readonly isDhcp: boolean
  readonly address: string
  readonly gateway: string
  readonly dns: string
  readonly open: string
}

export function draftOf({ now, standing, said }: PortView): PortDraft {
  const from = said?.address ? said : undefined
  const address = plain(from?.address) ?? standing?.address ?? now?.addresses[0] ?? ''
  return {
    zone: said?.zone || (standing?.zone ?? ''),
    isDhcp: address === 'dhcp',
    address: address === 'dhcp' ? '' : address,
    gateway: plain(from?.gateway) ?? standing?.gateway ?? now?.gateway ?? '',
    dns: plain(from?.dns) ?? standing?.dns?.join(', ') ?? '',
    open: said?.open ?? openText(standing),
  }
}

const openText = (port: NetworkPort | undefined): string => port?.open?.join(', ') ?? ''

const plain = (text: string | undefined) => (text === undefined || hasVar(text) ? undefined : text)

/** One of a list counts too. */
const hasVar = (text: string): boolean => text.split(', ').some(isVar)

/** Whether the settings name a value of this box for it, which only the box knows. */
export function hasOwnValue({ address, gateway, dns }: PortText): boolean {
  return [address, gateway, dns].some(hasVar)
}

const listOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean)

/** TCP ports as they are typed; undefined: no such list. */
export function openOf(text: string): readonly number[] | undefined {
  const open = listOf(text).map(Number)
  const isRight = open.length <= OPEN_PORTS_MAX && new Set(open).size === open.length
  return isRight && open.every((it) => Number.isInteger(it) && it >= OPEN_PORT_MIN && it <= 65_535) ? open : undefined
}

export function portOf(name: string, { zone, isDhcp, address, gateway, dns, open }: PortDraft): NetworkPort {
  const servers = listOf(dns)
  return {
    interface: name,
    ...(zone !== '' && { zone: zone as NonNullable<NetworkPort['zone']> }),
    address: isDhcp ? 'dhcp' : address.trim(),
    ...(!isDhcp && gateway.trim() !== '' && { gateway: gateway.trim() }),
    ...(servers.length > 0 && { dns: servers }),
    open: openOf(open) ?? [],
  }
}

/** What the ports would change of what is in use. */
export function changesOf(ports: readonly NetworkPort[], now: NetworkNow): readonly SettingsChange[] {
  return ports.flatMap((port) => {
    const before = inUse(port.interface, now)
    const after = factsOf(port)
    return Object.keys(after)
      .filter((key) => before[key] !== after[key] && (key !== 'zone' || after[key] !== ''))
      .map((key) => changeOf(`${port.interface}.${key}`, before[key] ?? '', after[key] ?? ''))
  })
}

/** What somebody else changed from `before` to `now` of these ports. */
export function changedSince(before: NetworkNow, now: NetworkNow, names: readonly string[]): readonly SettingsChange[] {
  return names.flatMap((name) => {
    const [was, is] = [inUse(name, before), inUse(name, now)]
    return Object.keys(is)
      .filter((key) => was[key] !== is[key])
      .map((key) => changeOf(`${name}.${key}`, was[key] ?? '', is[key] ?? ''))
  })
}

type Facts = Readonly<Record<string, string>>

function inUse(name: string, { interfaces, ports }: NetworkNow): Facts {
  const now = interfaces.find((it) => it.name === name)
  const standing = ports.find((it) => it.interface === name)
  return {
    zone: standing?.zone ?? '',
    address: standing?.address === 'dhcp' ? 'dhcp' : (now?.addresses.join(', ') ?? ''),
    gateway: now?.gateway ?? '',
    dns: standing?.dns?.join(', ') ?? '',
    open: openText(standing),
  }
}

function factsOf(port: NetworkPort): Facts {
  const { zone, address, gateway, dns } = port
  return {
    zone: zone ?? '',
    address,
    // DHCP brings its own gateway.
    ...(address !== 'dhcp' && { gateway: gateway ?? '' }),
    dns: dns?.join(', ') ?? '',
    open: openText(port),
  }
}

const changeOf = (path: string, old: string, now: string): SettingsChange => ({
  path,
  ...(old !== '' && { old }),
  ...(now !== '' && { new: now }),
})
