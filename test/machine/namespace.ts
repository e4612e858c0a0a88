// A network namespace with two ports whose far ends are ours: what is set in it changes nothing of this machine.
import { execFileSync } from 'node:child_process'

export interface Namespace {
  readonly name: string
  /** Words before a program's own. */
  readonly inside: readonly string[]
  ip(...args: string[]): string
  addresses(port: string): string[]
  close(): void
}

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString()

/** Needs root and iproute2. */
export function canHaveNamespaces(): boolean {
  const name = `hf-try-${process.pid}`
  try {
    ip('netns', 'add', name)
    ip('netns', 'del', name)
    return true
  } catch {
    return false
  }
}

/** A desk at the far end of `pa`, in a namespace of its own, with an address in both ranges that tests give the box. */
export function deskBefore(net: Namespace): Pick<Namespace, 'inside' | 'close'> {
  const name = `${net.name}-desk`
  ip('netns', 'add', name)
  net.ip('link', 'set', 'pa-far', 'netns', name)
  const inside = (...args: string[]) => ip('-n', name, ...args)
  inside('link', 'set', 'lo', 'up')
  for (const address of ['10.77.0.1/24', '10.88.0.1/24']) inside('addr', 'add', address, 'dev', 'pa-far')
  inside('link', 'set', 'pa-far', 'up')
  return { inside: ['nsenter', `--net=/run/netns/${name}`], close: () => void ip('netns', 'del', name) }
}

let made = 0

/** Ports `pa` with 10.77.0.2/24 and a way out by 10.77.0.1, and `pb` without anything. */
export function namespace(): Namespace {
  const name = `hf-host-${process.pid}-${made++}`
  const inside = (...args: string[]) => ip('-n', name, ...args)
  ip('netns', 'add', name)
  inside('link', 'set', 'lo', 'up')
  for (const port of ['pa', 'pb']) {
    inside('link', 'add', port, 'type', 'veth', 'peer', 'name', `${port}-far`)
    inside('link', 'set', `${port}-far`, 'up')
  }
  inside('link', 'set', 'pa', 'up')
  inside('addr', 'add', '10.77.0.2/24', 'dev', 'pa')
  inside('route', 'add', 'default', 'via', '10.77.0.1', 'dev', 'pa')
  return {
    name,
    // Not by ip netns exec: that hides mounts.
    inside: ['nsenter', `--net=/run/netns/${name}`],
    ip: inside,
    addresses(port) {
      const [link] = JSON.parse(inside('-j', 'addr', 'show', 'dev', port)) as {
        addr_info: { local: string; prefixlen: number; scope: string }[]
      }[]
      return (link?.addr_info ?? []).filter((it) => it.scope === 'global').map((it) => `${it.local}/${it.prefixlen}`)
    },
    close: () => void ip('netns', 'del', name),
  }
}
