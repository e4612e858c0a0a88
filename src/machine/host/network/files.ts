// A file of systemd-networkd for each port that somebody set: DIR/10-holdfast-<interface>.network.
import { readFile, rm } from 'node:fs/promises'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { NetworkPort } from '../../../core/host.ts'
import { writeWhole } from '../../whole-file.ts'

/** By interface: the text, null where there is no file. */
export type NetworkFiles = Readonly<Record<string, string | null>>

export function networkFile(port: NetworkPort): string {
  const { address, gateway, dns = [], zone } = port
  const isDhcp = address === 'dhcp'
  return [
    `# Written by Holdfast${zone ? `, zone ${zone}` : ''}; changes by hand are overwritten.`,
    '[Match]',
    `Name=${port.interface}`,
    '',
    '[Network]',
    isDhcp ? 'DHCP=yes' : `Address=${address}`,
    ...(gateway === undefined ? [] : [`Gateway=${gateway}`]),
    ...dns.map((it) => `DNS=${it}`),
    // A plant's router must not become the way to the world.
    ...(zone === 'plant' && isDhcp ? ['', '[DHCPv4]', 'UseGateway=no', 'UseDNS=no'] : []),
    '',
  ].join('\n')
}

const fileOf = (dir: string, name: string) => join(dir, `10-holdfast-${name}.network`)

export async function readFiles(dir: string, interfaces: readonly string[]): Promise<NetworkFiles> {
  const read = (name: string) =>
    readFile(fileOf(dir, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
  return Object.fromEntries(await Promise.all(interfaces.map(async (it) => [it, await read(it)] as const)))
}

export async function writeFiles(dir: string, files: NetworkFiles): Promise<void> {
  mkdirSync(dir, { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    if (text === null) await rm(fileOf(dir, name), { force: true })
    else await writeWhole(fileOf(dir, name), text)
  }
}
