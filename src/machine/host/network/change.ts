// Changes of addresses that take themselves back. The order that must hold: state on disk → change → confirmed, or put back → state on disk.
// Whoever is killed between them starts again, finds the state, and puts back what is over its time or of another boot.
import { BadInput } from '../../../core/errors.ts'
import type { NetworkChange, NetworkNow, NetworkPort } from '../../../core/host.ts'
import { nameServersSeen } from '../../interfaces-seen.ts'
import { seenPorts } from '../../seen-ports.ts'
import type { ZonedPort } from '../../zones.ts'
import { zonesOf } from '../../zones.ts'
import type { Programs } from '../programs.ts'
import { networkFile, readFiles, writeFiles } from './files.ts'
import { hadBy, interfacesNow, putBack, setPort } from './kernel.ts'
import type { Pending } from './state.ts'
import { joined, readState, writeState } from './state.ts'

export interface Network {
  /** What is due is taken back, what stands is laid again after a boot. */
  start(): Promise<void>
  show(): Promise<NetworkNow>
  apply(change: NetworkChange): Promise<NetworkNow>
  confirm(): Promise<NetworkNow>
  revert(): Promise<NetworkNow>
  close(): void
}

export interface NetworkParts {
  readonly programs: Programs
  /** Where the state lies. */
  readonly dir: string
  /** Where files of systemd-networkd lie. */
  readonly filesDir: string
  readonly by: NonNullable<NetworkNow['by']>
  readonly bootId: string
  /** Milliseconds since the boot. */
  uptimeMs(): number
  said(text: string): void
}

/** Taken back again where it failed: so long after. */
const AGAIN_MS = 5_000

export function createNetwork(parts: NetworkParts): Network {
  const { programs, dir, filesDir, by, bootId } = parts
  let timer: NodeJS.Timeout | undefined
  let last: Promise<unknown> = Promise.resolve()
  /** One after the other: two changes at once would each take the other's for what was there. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work)
    last = turn.catch(() => undefined)
    return turn
  }
  const arm = (ms: number): void => {
    clearTimeout(timer)
    timer = setTimeout(() => void inTurn(() => takeBack('it was not confirmed')).catch(again), Math.max(0, ms))
  }
  const again = (error: unknown): void => {
    parts.said(`the change of the network cannot be taken back yet: ${(error as Error).message}`)
    arm(AGAIN_MS)
  }
  const lay = async (ports: readonly NetworkPort[]): Promise<void> => {
    await writeFiles(filesDir, Object.fromEntries(ports.map((it) => [it.interface, networkFile(it)])))
    if (by === 'ip') for (const port of ports) await setPort(programs, port)
    else await reload(ports.map((it) => it.interface))
  }
  const reload = async (names: readonly string[]): Promise<void> => {
    await programs.run('networkctl', ['reload'])
    for (const name of names) await programs.run('networkctl', ['reconfigure', name])
  }
  /** Those that the kernel does not have: it forgets with each boot. */
  const missing = async (ports: readonly NetworkPort[]): Promise<NetworkPort[]> => {
    const there = await interfacesNow(programs)
    const isThere = (it: NetworkPort) => there.find((now) => now.name === it.interface)
    return ports.filter((it) => isThere(it) && !isThere(it)?.addresses.includes(it.address))
  }
  const undo = async ({ files, had, bootId: of }: Pending): Promise<void> => {
    await writeFiles(filesDir, files)
    // A port that was unplugged meanwhile has nothing to put back, and must not hold up the others.
    const there = new Set((await interfacesNow(programs)).map((it) => it.name))
    if (by === 'networkd') await reload(Object.keys(files).filter((it) => there.has(it)))
    // Of another boot nothing is left in the kernel.
    else if (of === bootId) for (const it of had) if (there.has(it.name)) await putBack(programs, it)
  }
  /** Where it fails the clock goes on: it is tried again when the time is over. */
  const takeBack = async (why: string): Promise<void> => {
    const { ports, pending } = await readState(dir)
    if (!pending) return
    await undo(pending)
    await writeState(dir, { ports, pending: null })
    clearTimeout(timer)
    parts.said(`the change of ${pending.ports.map((it) => it.interface).join(', ')} is taken back: ${why}`)
  }
  const show = async (): Promise<NetworkNow> => {
    const { ports, pending } = await readState(dir)
    const left = pending && { ports: pending.ports, by: pending.by, revertsInMs: Math.max(0, pending.until - parts.uptimeMs()) }
    return { interfaces: await interfacesNow(programs), ports, pending: left, nameServers: nameServersSeen(), by }
  }
  const apply = async ({ ports: asked, confirmWithinMs, by: who }: NetworkChange): Promise<void> => {
    const { ports, pending } = await readState(dir)
    const inForce = by === 'networkd' ? zonesOf(seenPorts(), ports) : []
    const wanted = asked.map((it) => zoned(it, ports, inForce))
    if (pending) {
      const remedy = 'confirm it or take it back first'
      throw new BadInput([{ where: 'network', text: `a change by ${pending.by} waits for its confirmation`, remedy }])
    }
    refuseUnknown(wanted, by)
    const names = wanted.map((it) => it.interface)
    const had = await Promise.all(names.map((it) => hadBy(programs, it)))
    const change = { ports: joined([], wanted), by: who, bootId, until: parts.uptimeMs() + confirmWithinMs }
    const files = await readFiles(filesDir, names)
    await writeState(dir, { ports, pending: { ...change, files: { ...files }, had: had.map(plain) } })
    arm(confirmWithinMs)
    try {
      await lay(wanted)
    } catch (error) {
      await takeBack((error as Error).message)
      throw error
    }
  }
  return {
    async start() {
      const { ports, pending } = await readState(dir)
      if (pending && pending.bootId === bootId && pending.until > parts.uptimeMs()) return arm(pending.until - parts.uptimeMs())
      try {
        if (pending) await takeBack('nobody confirmed it in time')
        if (by === 'ip') await lay(await missing(ports))
      } catch (error) {
        again(error)
      }
    },
    show: () => inTurn(show),
    apply: (change) => inTurn(() => apply(change).then(show)),
    confirm: () =>
      inTurn(async () => {
        const { ports, pending } = await readState(dir)
        if (!pending) throw nothingWaits()
        await writeState(dir, { ports: joined(ports, pending.ports), pending: null })
        clearTimeout(timer)
        return show()
      }),
    revert: () =>
      inTurn(async () => {
        const { pending } = await readState(dir)
        if (!pending) throw nothingWaits()
        await takeBack('somebody asked for it')
        return show()
      }),
    close: () => clearTimeout(timer),
  }
}

/** Who sets an address alone leaves the port in the zone that it had, and as open: a plant's router must not become the way to the world by it. */
function zoned(port: NetworkPort, standing: readonly NetworkPort[], inForce: readonly ZonedPort[]): NetworkPort {
  const own = standing.find((it) => it.interface === port.interface)
  const zone = port.zone ?? own?.zone ?? inForce.find((it) => it.name === port.interface)?.zone
  const open = port.open ?? own?.open
  return { ...port, ...(zone && { zone }), ...(open && { open }) }
}

/** Arrays of state may be written to. */
function plain(had: Awaited<ReturnType<typeof hadBy>>): Pending['had'][number] {
  return { ...had, addresses: [...had.addresses], routes: [...had.routes] }
}

function nothingWaits(): BadInput {
  const remedy = 'network show says what is in force: a change that nobody confirmed has been taken back'
  return new BadInput([{ where: 'network', text: 'no change waits for its confirmation', remedy }])
}

function refuseUnknown(ports: readonly NetworkPort[], by: NetworkNow['by']): void {
  const twice = ports.find((it, at) => ports.findIndex((other) => other.interface === it.interface) !== at)
  if (twice) throw new BadInput([{ where: twice.interface, text: 'is named twice' }])
  const dhcp = by === 'ip' ? ports.find((it) => it.address === 'dhcp') : undefined
  if (dhcp) {
    const remedy = 'give it an address of its own'
    throw new BadInput([
      { where: dhcp.interface, text: 'dhcp needs systemd-networkd, which does not run on this system', remedy },
    ])
  }
}
