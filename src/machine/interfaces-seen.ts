// Network interfaces as anybody may see them, those without an address too.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { InterfaceNow, RadioNow } from '../core/host.ts'
import { wifiNow } from './radio.ts'

const SYSFS = '/sys/class/net'

export function interfacesSeen(): InterfaceNow[] {
  const known = networkInterfaces()
  const gateways = defaultGateways()
  const names = readdirSync(SYSFS)
    .filter((name) => name !== 'lo' && isPort(name))
    .toSorted()
  const radios = wifiNow(names)
  return names.map((name) => ({
    name,
    // Some drivers (tunnels, modems) never say more than unknown.
    up: ['up', 'unknown'].includes(read(name, 'operstate')),
    mac: read(name, 'address'),
    addresses: (known[name] ?? []).filter((it) => !it.address.startsWith('fe80:')).map((it) => it.cidr ?? it.address),
    gateway: gateways.get(name) ?? null,
    ...(radios.has(name) && { radio: radios.get(name) as RadioNow }),
  }))
}

/** Of resolved where it runs: its own file names those that it asks, the system's names only itself. */
const RESOLV_CONF = ['/run/systemd/resolve/resolv.conf', '/etc/resolv.conf']

export function nameServersSeen(): string[] {
  const file = RESOLV_CONF.find((it) => existsSync(it))
  const lines = file === undefined ? [] : readFileSync(file, 'utf8').split('\n')
  return lines.flatMap((it) => /^nameserver\s+(\S+)/.exec(it)?.[1] ?? [])
}

/** `bonding_masters` and the like stand there too. */
function isPort(name: string): boolean {
  return read(name, 'address') !== ''
}

function read(name: string, file: string): string {
  try {
    return readFileSync(join(SYSFS, name, file), 'utf8').trim()
  } catch {
    return ''
  }
}

/** By interface. /proc/net/route says an address as eight hexadecimal digits, the last byte first. */
function defaultGateways(): Map<string, string> {
  const rows = readFileSync('/proc/net/route', 'utf8')
    .split('\n')
    .slice(1)
    .map((it) => it.split('\t'))
  const defaults = rows.filter(([, to, via]) => to === '00000000' && via !== '00000000')
  return new Map(defaults.map(([name = '', , via = '']) => [name, [...Buffer.from(via, 'hex')].toReversed().join('.')]))
}
