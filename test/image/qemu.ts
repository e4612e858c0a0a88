// One QEMU process, as images/qemu.sh starts it, and its serial line.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../route/until.ts'
import { BOOT_MS_MAX } from './times.ts'

const script = join(import.meta.dirname, '../../images/qemu.sh')

export interface Qemu {
  /** All that came over the serial line so far, without what tells a terminal where to write. */
  serial(): string
  type(text: string): void
  /** What matches, once it is there. */
  says(pattern: RegExp, msMax?: number): Promise<RegExpExecArray>
  isOff(): boolean
  /** As when the plug is pulled. */
  kill(): Promise<void>
}

/** `folder` has the disk, and gets all that comes over the serial line, of each process after the other. */
export function qemu(board: string, folder: { name: string; path: string }, options: readonly string[]): Qemu {
  const child = spawn('bash', [script, board, folder.name, ...options], { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  const line = serialOf(child, join(folder.path, 'serial.log'))
  const ended = once(child, 'exit')
  // It may have gone off while somebody types.
  child.stdin.on('error', () => undefined)
  const isOff = () => child.exitCode !== null
  return {
    serial: () => line.text(),
    type: (text) => void child.stdin.write(text),
    async says(pattern, msMax = BOOT_MS_MAX) {
      const found = () => pattern.exec(line.text())
      await until(`${pattern} on the serial line`, () => found() ?? isOff(), msMax).catch(() => undefined)
      const it = found()
      if (it) return it
      throw new Error(
        `${isOff() ? 'the machine is off' : 'not in time (a slow machine needs a greater BOOT_S)'}: ${pattern}; it said: ${line.text().slice(-3000)}`,
      )
    },
    isOff,
    async kill() {
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      await ended
    },
  }
}

// oxlint-disable-next-line no-control-regex -- what tells a terminal where to write begins with ESC
const CONTROLS = /\u001b(\[[0-9;?]*[A-Za-z]|[()][A-Za-z0-9]|[=>78cMDE])/g

function serialOf({ stdout, stderr }: ChildProcess, file: string) {
  let text = ''
  const add = (part: Buffer) => {
    text += part.toString('latin1')
    appendFileSync(file, part)
  }
  stdout?.on('data', add)
  stderr?.on('data', add)
  return { text: () => text.replaceAll(CONTROLS, '').replaceAll('\r', '') }
}
