// A look at a part of a network for something that a source could read. Only ever on a person's wish.
import { SCAN_HOSTS_MAX } from './bounds.ts'
import type { Found } from './source.ts'

export interface ScanRequest {
  /** One host by name or address, or a range of IPv4 addresses as 10.20.1.0/24. */
  readonly address: string
  /** One protocol; absent: all that can be asked. */
  readonly protocol?: string
}

export interface ScanFound extends Found {
  readonly protocol: string
}

/** One host has been asked. */
export interface ScanStep {
  readonly done: number
  readonly all: number
  readonly host: string
  readonly found: readonly ScanFound[]
  /** Not asked: a source reads it already, and many devices take one connection. */
  readonly held: readonly { readonly protocol: string; readonly source: string }[]
  /** Asking itself went wrong. Silence is no failure. */
  readonly failed: readonly { readonly protocol: string; readonly text: string }[]
}

const PREFIX_MIN = 32 - Math.log2(SCAN_HOSTS_MAX)

/** The hosts that an address means; a text that says what is wrong with it. */
export function hostsOf(address: string): readonly string[] | string {
  const [first = '', prefixText, ...more] = address.split('/')
  if (more.length > 0) return rangeAllowed(address)
  if (prefixText === undefined) return oneHost(first)
  const base = ipv4(first)
  if (base === undefined) return first.includes(':') ? `${address}: ranges are of IPv4 addresses only` : rangeAllowed(address)
  const prefix = /^\d{1,2}$/.test(prefixText) ? Number(prefixText) : 99
  if (prefix > 32) return rangeAllowed(address)
  if (prefix < PREFIX_MIN) return `${address} has more than ${SCAN_HOSTS_MAX} addresses: at most a /${PREFIX_MIN}`
  return range(base, 32 - prefix)
}

function oneHost(text: string): readonly string[] | string {
  const isIPv6 = /^[0-9a-fA-F:.]{2,45}(%[\w.-]+)?$/.test(text) && text.includes(':')
  if (isIPv6 || /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$/.test(text)) {
    const isDotted = /^[\d.]+$/.test(text)
    return isDotted && ipv4(text) === undefined ? rangeAllowed(text) : [text]
  }
  return rangeAllowed(text)
}

const rangeAllowed = (text: string) => `"${text}" is neither a host nor a range of addresses as 10.20.1.0/24`

function ipv4(text: string): number | undefined {
  const parts = text.split('.')
  const isWhole = parts.length === 4 && parts.every((it) => /^\d{1,3}$/.test(it) && Number(it) < 256)
  return isWhole ? parts.reduce((sum, it) => sum * 256 + Number(it), 0) : undefined
}

/** Without the addresses of the network itself and of everybody in it, where there are such. */
function range(base: number, bits: number): string[] {
  const size = 2 ** bits
  const start = base - (base % size)
  const all = Array.from({ length: size }, (_, at) => dotted(start + at))
  return bits > 1 ? all.slice(1, -1) : all
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join('.')
}
