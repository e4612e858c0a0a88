// Every socket to a cluster is made here: from the source address that its route has, counted, and closed at once when its client is given up.
import dns from 'node:dns'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'
import { Unreachable } from '../../core/errors.ts'
import type { Traffic } from '../../core/uplink.ts'
import { KEEP_ALIVE_MS } from './access.ts'

export interface Sockets {
  /** Throws once closed. `onConnect` after the TLS handshake, where there is one. */
  open(to: Target, onConnect: () => void): net.Socket
  /** Closes every socket now and opens no other. */
  destroy(): void
}

interface Target {
  readonly host: string
  readonly port: number
  readonly tls: tls.ConnectionOptions | undefined
}

function givenUp(): Unreachable {
  return new Unreachable('given-up', 'this client was given up')
}

/** `localAddress`: where they go out from, and the questions for names too; undefined: as the system likes. `traffic` counts what they carry, TLS included. */
export function socketKeeper(localAddress: string | undefined, traffic?: Traffic): Sockets {
  const open = new Set<net.Socket>()
  let closed = false
  const from =
    localAddress === undefined ? {} : { localAddress, family: net.isIP(localAddress), lookup: lookupFrom(localAddress) }
  return {
    open({ host, port, tls: options }, onConnect) {
      if (closed) throw givenUp()
      const raw = net.connect({ host, port, ...from })
      raw.setKeepAlive(true, KEEP_ALIVE_MS)
      raw.setNoDelay(true)
      open.add(raw)
      raw.once('close', () => open.delete(raw))
      traffic?.watch(raw)
      if (!options) return raw.once('connect', onConnect)
      const secured = tls.connect({ socket: raw, host, port, ...(net.isIP(host) ? {} : { servername: host }), ...options })
      // An error of the socket beneath does not reach the one above while that still waits for its handshake.
      raw.on('error', (error) => secured.destroy(error))
      open.add(secured)
      secured.once('close', () => open.delete(secured))
      return secured.once('secureConnect', onConnect)
    },
    destroy() {
      closed = true
      // TLS before the socket beneath it: what that still reads otherwise ends the process (Node 24).
      for (const it of [...open].toReversed()) it.destroy(givenUp())
    },
  }
}

/** Names by the hosts file, else asked from the given address, so that no question leaves by another link. */
export function lookupFrom(localAddress: string): net.LookupFunction {
  const resolver = new dns.Resolver({ timeout: 2_000, tries: 2 })
  const family = net.isIP(localAddress)
  if (family === 6) resolver.setLocalAddress('0.0.0.0', localAddress)
  else resolver.setLocalAddress(localAddress)
  return (host, options, done) => {
    const tell = (error: NodeJS.ErrnoException | null, found: string[] = []) => {
      if (error || !options.all) done(error, found[0] ?? '', family)
      else
        done(
          null,
          found.map((address) => ({ address, family })),
        )
    }
    const known = hostsFile()
      .get(host.toLowerCase())
      ?.filter((it) => net.isIP(it) === family)
    if (known?.length) tell(null, known)
    else if (family === 6) resolver.resolve6(host, tell)
    else resolver.resolve4(host, tell)
  }
}

function hostsFile(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const line of readFileSync('/etc/hosts', 'utf8').split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    for (const it of names) found.set(it.toLowerCase(), [...(found.get(it.toLowerCase()) ?? []), address])
  }
  return found
}
