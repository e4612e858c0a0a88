// What the agent's time is made of on a real machine: Linux' clocks, whoever vouches for them, and DIR/clock.json.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ClockParts, SavedClock, Voucher } from './clock.ts'
import { monotonicUs } from './clock-cell.ts'
import { bootId } from './clock-boot.ts'
import { writeWhole } from './whole-file.ts'

/** systemd-timesyncd touches it each time that it has set the clock. */
const TIMESYNC_MARK = '/run/systemd/timesync/synchronized'
/** There while systemd runs the machine. */
const SYSTEMD = '/run/systemd/system'
const RTC = '/sys/class/rtc/rtc0'
/** A battery clock that the system's was set from differs from it by less. */
const RTC_APART_S_MAX = 10
/** Other time services than timesyncd are asked after so often; asking starts a process. */
const ASK_EVERY_MS = 60_000
const ASK_MS_MAX = 5_000

/** `dir` is DIR. `failed` hears that clock.json could not be written. */
export function machineClock(dir: string, failed: (error: Error) => void): ClockParts {
  const floorUs = builtUs()
  return {
    systemUs: () => Date.now() * 1000,
    monotonicUs,
    bootUs: () => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e6,
    voucher: voucherOf(floorUs),
    bootId: bootId(),
    floorUs,
    saved: readSaved(dir),
    save: saver(dir, failed),
  }
}

/** When this version was made, as far as its files say. */
function builtUs(): number {
  return Math.round(statSync(import.meta.filename).mtimeMs * 1000)
}

function voucherOf(floorUs: number): () => Voucher | null {
  // Without systemd nobody leaves a mark: a container, whose clock is its host's and kept there.
  if (!existsSync(SYSTEMD)) return () => ({ by: 'host' })
  const hasRtc = isRtcPlausible(floorUs)
  const others = askOthers()
  return () => {
    const mark = statSync(TIMESYNC_MARK, { throwIfNoEntry: false })
    if (mark) return { by: 'ntp', mark: `timesyncd ${mark.mtimeMs}` }
    return others() ?? (hasRtc ? { by: 'rtc', mark: 'start' } : null)
  }
}

/** The kernel has set the system's clock from one with a battery, and that one had not forgotten the time. */
function isRtcPlausible(floorUs: number): boolean {
  try {
    const seconds = Number(readFileSync(join(RTC, 'since_epoch'), 'utf8'))
    const isSetFromIt = readFileSync(join(RTC, 'hctosys'), 'utf8').trim() === '1'
    return isSetFromIt && seconds * 1e6 >= floorUs && Math.abs(seconds - Date.now() / 1000) <= RTC_APART_S_MAX
  } catch {
    return false
  }
}

/** Whether the kernel says that some time service steers the clock (chrony, ntpd): each answer is a new mark. */
function askOthers(): () => Voucher | null {
  let askedAt = -Infinity
  let asked = 0
  let answer: Voucher | null = null
  return () => {
    if (performance.now() - askedAt >= ASK_EVERY_MS) {
      askedAt = performance.now()
      const args = ['show', '--property=NTPSynchronized', '--value']
      execFile('timedatectl', args, { timeout: ASK_MS_MAX }, (error, stdout) => {
        answer = !error && stdout.trim() === 'yes' ? { by: 'ntp', mark: `kernel ${asked++}` } : null
      })
    }
    return answer
  }
}

const savedFile = (dir: string) => join(dir, 'clock.json')

/** Undefined where there is none, or it cannot be read: then the other floors hold. */
function readSaved(dir: string): SavedClock | undefined {
  try {
    const it = JSON.parse(readFileSync(savedFile(dir), 'utf8')) as SavedClock
    const isWhole = typeof it.bootId === 'string' && Number.isFinite(it.now) && Number.isFinite(it.offsetUs)
    return isWhole ? { bootId: it.bootId, now: it.now, offsetUs: it.offsetUs, trust: it.trust?.by ? it.trust : null } : undefined
  } catch {
    return undefined
  }
}

/** Writes one after the other, off the main thread: flash can take its time. Of those that wait the last one counts. */
function saver(dir: string, failed: (error: Error) => void): (saved: SavedClock) => void {
  let next: SavedClock | undefined
  let isWriting = false
  async function writeAll(): Promise<void> {
    isWriting = true
    for (let it = next; it; it = next) {
      next = undefined
      await writeWhole(savedFile(dir), `${JSON.stringify(it)}\n`).catch(failed)
    }
    isWriting = false
  }
  return (saved) => {
    next = saved
    if (!isWriting) void writeAll()
  }
}
