// By which of its own ports the box reaches a place, as the kernel would send there. Nothing is sent, so it makes no difference whether anybody answers.
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Reach } from '../core/reach.ts'
import type { Way } from './state.ts'

/** Undefined: its name is not known now, or no port leads there. */
export async function wayTo({ host, port }: Reach): Promise<Way | undefined> {
  const found = await lookup(host).catch(() => undefined)
  if (!found) return undefined
  const by = await portTowards(found.address, port)
  return by === undefined ? undefined : { address: found.address, port, by }
}

/** Whether it is reached by the port that it was reached by. */
export async function isOpen({ address, port, by }: Way): Promise<boolean> {
  return (await portTowards(address, port)) === by
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
