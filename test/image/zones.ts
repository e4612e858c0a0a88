// What stands at the far end of a box's ports: for each zone a network namespace with a tap that the machine's port is wired to.
import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '../route/until.ts'

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString()

export interface Desk {
  /** Of the machine's side, as QEMU opens it. */
  readonly tap: string
  /** After QEMU has opened it. */
  plugIn(): Promise<void>
  /** Open ports of TCP of an address, all 65,535 tried. */
  scan(host: string): Promise<number[]>
  run(script: string, ...args: string[]): Promise<string>
  /** Who answered when it was asked where an address is. */
  neighbours(): string
  close(): void
}

let made = 0

/** `address` is the desk's own there. */
export function desk(address: string): Desk {
  const name = `hf-desk-${process.pid}-${made}`
  const tap = `hfd${process.pid % 100_000}-${made++}`
  ip('netns', 'add', name)
  ip('tuntap', 'add', tap, 'mode', 'tap')
  ip('link', 'set', tap, 'up')
  const inside = (...args: string[]) => ip('-n', name, ...args)
  const run = async (script: string, ...args: string[]) => {
    const file = join(import.meta.dirname, script)
    const { stdout } = await promisify(execFile)('nsenter', [`--net=/run/netns/${name}`, process.execPath, file, ...args])
    return stdout
  }
  return {
    tap,
    async plugIn() {
      await until('QEMU has the port', () => ip('link', 'show', tap).includes('LOWER_UP'), 60_000, 500)
      ip('link', 'set', tap, 'netns', name)
      inside('link', 'set', 'lo', 'up')
      inside('link', 'set', tap, 'up')
      inside('addr', 'add', address, 'dev', tap)
      // Else nothing can be asked of everybody: there is no other way out of here.
      inside('route', 'add', '255.255.255.255', 'dev', tap)
    },
    scan: async (host) => JSON.parse(await run('scan.ts', host.replace('%', `%${tap}`))) as number[],
    run,
    neighbours: () => inside('neigh', 'show'),
    // With the tap, wherever it is.
    close() {
      try {
        ip('link', 'del', tap)
      } catch {
        // It was plugged in.
      }
      ip('netns', 'del', name)
    },
  }
}
