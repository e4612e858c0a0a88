// Ports that are there, as the kernel has them.
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { SeenPort } from './zones.ts'

const SYSFS = '/sys/class/net'

export function seenPorts(): SeenPort[] {
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
