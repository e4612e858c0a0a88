// What anybody sees who plugs in a cable: health, addresses, fingerprint, and the claim code until the box is claimed. Nothing else.
import type { InterfaceNow } from '../core/host.ts'
import type { Status } from '../core/status.ts'
import { healthOf } from '../commands/status-page.ts'
import { formatDuration } from '../core/units.ts'
import { ascii } from './ascii.ts'
import type { ConsoleParts } from './parts.ts'
import { WIDTH } from './terminal.ts'

const INTERFACES_MAX = 4
const ANSWER_MS_MAX = 3_000

export interface BannerView {
  readonly device: string
  readonly version: string
  readonly status: Status | undefined
  readonly interfaces: readonly InterfaceNow[]
  readonly fingerprint: string | undefined
  readonly claimCode: string | undefined
}

export async function bannerView({ agent, access, box, version }: ConsoleParts): Promise<BannerView> {
  const away = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), ANSWER_MS_MAX).unref())
  const status = await Promise.race([agent.status().catch(() => undefined), away])
  return {
    device: status?.device ?? (await box.deviceId()),
    version: status?.version ?? version,
    status,
    interfaces: box.interfaces(),
    fingerprint: access.fingerprint(),
    claimCode: access.claimCode(),
  }
}

export function bannerLines(view: BannerView, now: number): string[] {
  const { device, version, status, fingerprint, claimCode } = view
  return [
    `HOLDFAST  ${device}  v${version}  ${healthText(status)}`,
    ...issueLines(status),
    ...interfaceLines(view.interfaces),
    ...(status ? [flowLine(status, now)] : []),
    ...(fingerprint === undefined ? ['https: the page has not been started yet'] : fingerprintLines(fingerprint)),
    ...(claimCode === undefined ? [] : [`not claimed yet. Claim code: ${claimCode}`]),
  ].map((it) => ascii(it).slice(0, WIDTH))
}

function healthText(status: Status | undefined): string {
  return status ? healthOf(status).toUpperCase() : 'PROBLEM'
}

/** By their codes: what they say in full (addresses, reasons) is for who is logged in. */
function issueLines(status: Status | undefined): string[] {
  if (!status) return [' ! the agent does not answer']
  const codes = status.issues.filter((it) => it.severity !== 'info').map((it) => it.code)
  const counted = [...new Set(codes)].map((code) => {
    const count = codes.filter((it) => it === code).length
    return count > 1 ? `${code} x ${count}` : code
  })
  return counted.length > 0 ? [` ! ${counted.join(', ')}`] : []
}

function interfaceLines(interfaces: readonly InterfaceNow[]): string[] {
  const isInUse = (it: InterfaceNow) => it.up || it.addresses.length > 0
  const inOrder = [...interfaces.filter(isInUse), ...interfaces.filter((it) => !isInUse(it))]
  const shown = inOrder.slice(0, INTERFACES_MAX)
  const lines = shown.map((it) => {
    const addresses = it.addresses.length > 0 ? it.addresses.join(' ') : 'no address'
    return ` ${it.name.padEnd(10)} ${it.up ? 'up  ' : 'down'}  ${addresses}`
  })
  return interfaces.length > shown.length ? [...lines, ` and ${interfaces.length - shown.length} more`] : lines
}

function flowLine({ log, uplinks }: Status, now: number): string {
  const share = log.bytesMax > 0 ? Math.round((100 * log.bytes) / log.bytesMax) : 0
  const oldest = log.oldest === null ? 'all delivered' : `oldest ${formatDuration(Math.max(0, (now - log.oldest) / 1000))}`
  return ` log ${share}% full, ${oldest}; ${uplinks.map((it) => `${it.name} ${it.state}`).join(', ') || 'no uplink'}`
}

/** 95 characters: the two halves below each other, so that they can be compared with the browser's. */
function fingerprintLines(fingerprint: string): string[] {
  const half = 48
  return [`https SHA256 ${fingerprint.slice(0, half)}`, `             ${fingerprint.slice(half)}`]
}
