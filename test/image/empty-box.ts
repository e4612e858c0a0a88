// What root lays at a start, run in a folder in place of the box's own partitions, without the box's users and mounts.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const rootfs = join(import.meta.dirname, '../../rootfs')
/** Owners are left as they are; `install` makes its folder all the same. */
const STANDINS = {
  chown: ':',
  install: 'for it; do :; done; mkdir -p "$it"',
  mountpoint: 'exit 1',
  'grub-editenv': 'echo machine_id=1',
  udevadm: 'exit 0',
  sleep: 'exit 0',
  sync: 'exit 0',
}

export interface EmptyBox {
  at(path: string): string
  /** In place of one of the system. */
  program(name: string, text: string): void
  /** A program of /usr/lib/holdfast. */
  run(name: string): void
  /** The same where the power may go: the signal that ended it. */
  tried(name: string): NodeJS.Signals | null
  remove(): void
}

export function emptyBox(): EmptyBox {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-start-'))
  const at = (path: string) => join(dir, path)
  for (const it of ['state/agent', 'bin', 'proc/sys/kernel']) mkdirSync(at(it), { recursive: true })
  symlinkSync('state/agent', at('data'))
  const program = (name: string, text: string) => writeFileSync(at(`bin/${name}`), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  for (const [name, text] of Object.entries(STANDINS)) program(name, text)
  function ours(name: string) {
    const script = readFileSync(join(rootfs, 'usr/lib/holdfast', name), 'utf8')
      .replaceAll(/(?<![\w"$}])\/(state|data|run|proc)\b/g, `${dir}/$1`)
      .replaceAll(/(?<![\w"$}])\/etc\/holdfast\b/g, join(rootfs, 'etc/holdfast'))
      .replaceAll(/"\/(state|sys)\b/g, `"${dir}/$1`)
      .replaceAll(/(?<=^ *)\/usr\/lib\/holdfast\//gm, `${rootfs}/usr/lib/holdfast/`)
    const env = {
      PATH: `${at('bin')}:${process.env['PATH']}`,
      STATE: at('state'),
      SYS: at('sys'),
      BOOT_ENVIRONMENT: at('grubenv'),
    }
    return { args: ['-c', script], env }
  }
  return {
    at,
    program,
    run(name) {
      const { args, env } = ours(name)
      execFileSync('/bin/sh', args, { env })
    },
    tried(name) {
      const { args, env } = ours(name)
      // In a group of its own, which dies as a whole.
      return spawnSync('setsid', ['/bin/sh', ...args], { env }).signal
    },
    remove: () => rmSync(dir, { recursive: true }),
  }
}
