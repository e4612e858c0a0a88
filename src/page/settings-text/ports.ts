// `network.ports` of the settings, each value as a field shows it.
import { parseDocument } from 'yaml'
import { listText, textOf } from './scalar.ts'

export interface PortText {
  readonly interface: string
  readonly zone: string
  readonly address: string
  readonly gateway: string
  readonly dns: string
  readonly open: string
  /** Of Wi-Fi and of a modem; the secrets beside them are not shown. */
  readonly ssid: string
  readonly apn: string
}

export function portTexts(text: string): readonly PortText[] {
  const { network } = (parseDocument(text).toJS() ?? {}) as { network?: { ports?: unknown } }
  const ports = Array.isArray(network?.ports) ? (network.ports as (Readonly<Record<string, unknown>> | null)[]) : []
  return ports.map((it) => ({
    interface: textOf(it?.['interface']),
    zone: textOf(it?.['zone']),
    address: textOf(it?.['address']),
    gateway: textOf(it?.['gateway']),
    dns: listText(it?.['dns']),
    open: listText(it?.['open']),
    ssid: textOf(it?.['ssid']),
    apn: textOf(it?.['apn']),
  }))
}
