// By which of its own ports the box reaches a place, as the kernel would send there. Nothing is sent, so it makes no difference whether anybody answers.
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Reach } from '../core/reach.ts'
import type { Way } from './state.ts'

/** Undefined: its name is not known now, or no port leads there. */
export async function wayTo({ host, port }: Reach): Promise<Way | undefined> {
  const found = await lookup(host).catch(() => undefined)
  if (!found) return undefined
  const by = await portTowards(found.address, port)
  return by === undefined ? undefined : { address: found.address, port, by }
}

/** As the kernel shows them. `net`: the folder of ports. */
const NET = '/sys/class/net'
const IFF_UP = 1
/** Of ARP: PPP, and a modem's raw IP. */
const MODEM_TYPES = new Set([512, 519])

/**
 * Whether the box itself has lost it: the port is gone, was not brought up, or something else leads there. A cable that was pulled, a switch that is off,
 * and radio, which comes and goes, are no fault of what runs.
 */
export async function isLost({ address, port, by }: Way, net = NET): Promise<boolean> {
  return (await portTowards(address, port)) !== by && !(await isUnplugged(by, net))
}

async function isUnplugged(name: string, net: string): Promise<boolean> {
  const read = (file: string) => readFile(join(net, name, file), 'utf8').catch(() => '')
  const [flags, carrier, type, uevent] = await Promise.all([read('flags'), read('carrier'), read('type'), read('uevent')])
  if (/^DEVTYPE=w[lw]an$/m.test(uevent) || MODEM_TYPES.has(Number(type))) return true
  return (Number(flags) & IFF_UP) !== 0 && carrier.trim() === '0'
}

async function portTowards(address: string, port: number): Promise<string | undefined> {
  const own = await ownAddressTowards(address, port)
  // Of those that are up and have a link.
  const all = Object.entries(networkInterfaces())
  return own === undefined ? undefined : all.find(([, has]) => has?.some((it) => it.address === own))?.[0]
}

function ownAddressTowards(address: string, port: number): Promise<string | undefined> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    const settle = (own?: string): void => {
      socket.close()
      resolve(own)
    }
    socket.once('error', () => settle())
    socket.once('connect', () => settle(socket.address().address))
    socket.connect(port, address)
  })
}
