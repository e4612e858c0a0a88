// Network interfaces as links need them: whether they are up, with which address, and what they have counted.
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'

const SYSFS = '/sys/class/net'
/** Asking the kernel for all addresses costs some tenths of a millisecond: once in so long is enough. */
const LOOK_EVERY_MS = 500

export interface Interfaces {
  /** The address to bind sockets to: IPv4 before IPv6, none that is valid on one link alone. Undefined while the interface is down or has none. */
  address(name: string): string | undefined
  /** Bytes in and out since the interface came to be; undefined when it is not there. */
  counter(name: string): number | undefined
}

export function machineInterfaces(monotonic: () => number = () => performance.now()): Interfaces {
  let known = networkInterfaces()
  let lookedAt = monotonic()
  return {
    address(name) {
      if (monotonic() - lookedAt >= LOOK_EVERY_MS) {
        known = networkInterfaces()
        lookedAt = monotonic()
      }
      const addresses = (known[name] ?? []).filter((it) => !/^(fe80:|169\.254\.)/i.test(it.address))
      const found = addresses.find((it) => it.family === 'IPv4') ?? addresses[0]
      return found && isUp(name) ? found.address : undefined
    },
    counter(name) {
      const [received, sent] = [read(name, 'statistics/rx_bytes'), read(name, 'statistics/tx_bytes')]
      return received === undefined || sent === undefined ? undefined : Number(received) + Number(sent)
    },
  }
}

/** Some drivers (tunnels, modems) never say more than unknown. */
function isUp(name: string): boolean {
  const state = read(name, 'operstate')
  return state === 'up' || state === 'unknown'
}

function read(name: string, file: string): string | undefined {
  try {
    return readFileSync(join(SYSFS, name, file), 'utf8').trim()
  } catch {
    return undefined
  }
}
