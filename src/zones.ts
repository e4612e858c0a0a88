// What runs at boot and whenever zones change: the ports that are there, the zones that are set → nftables and networkd.
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { programs } from './machine/host/programs.ts'
import { readState } from './machine/host/network/state.ts'
import type { SeenPort } from './machine/zones.ts'
import { networkText, nftText, zonesOf } from './machine/zones.ts'

const SYSFS = '/sys/class/net'
const RULES = '/run/holdfast-zones.nft'
const NETWORK_DIR = '/run/systemd/network'
const STATE_DIR = '/state/host'
/** After those that somebody set. */
const FILE = /^50-holdfast-.*\.network$/

function seenPorts(): SeenPort[] {
  const isPort = (name: string) => existsSync(join(SYSFS, name, 'device'))
  return readdirSync(SYSFS)
    .filter(isPort)
    .map((name) => ({
      name,
      isBuiltIn: !realpathSync(join(SYSFS, name)).includes('/usb'),
      isWireless: existsSync(join(SYSFS, name, 'wireless')) || isModem(name),
    }))
}

function isModem(name: string): boolean {
  return (
    readFileSync(join(SYSFS, name, 'uevent'), 'utf8').includes('DEVTYPE=wwan') || readlinkSync(join(SYSFS, name)).includes('wwan')
  )
}

const { ports } = await readState(STATE_DIR)
const zoned = zonesOf(seenPorts(), ports)
const { run } = programs()
writeFileSync(RULES, nftText(zoned))
await run('nft', ['-f', RULES])
mkdirSync(NETWORK_DIR, { recursive: true })
for (const it of readdirSync(NETWORK_DIR).filter((it) => FILE.test(it))) rmSync(join(NETWORK_DIR, it))
for (const it of zoned.filter((it) => it.isByPlace))
  writeFileSync(join(NETWORK_DIR, `50-holdfast-${it.name}.network`), networkText(it))
console.log(zoned.map((it) => `${it.name} ${it.zone}`).join(', ') || 'no port')
