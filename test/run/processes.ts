// What a process and its children cost, read from /proc.
import { readFileSync, readdirSync } from 'node:fs'

const CLOCK_TICKS_PER_SECOND = 100

/** The process and all that descend from it. */
export function familyOf(pid: number): number[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter((it) => /^\d+$/.test(it))
      .map((it) => [Number(it), Number(statOf(Number(it))[1])]),
  )
  const family = [pid]
  for (const one of family) for (const [child, parent] of parents) if (parent === one) family.push(child)
  return family
}

/** Proportional set size of all, bytes; undefined when one of them has just ended. */
export function pssOf(pids: readonly number[]): number | undefined {
  try {
    return pids.reduce((sum, pid) => sum + kilobytesOf(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss') * 1024, 0)
  } catch {
    return undefined
  }
}

function kilobytesOf(text: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
}

/** CPU time of all, their ended children included, seconds. */
export function cpuSecondsOf(pids: readonly number[]): number {
  const ticks = pids.flatMap((pid) => statOf(pid).slice(11, 15)).reduce((sum, it) => sum + Number(it), 0)
  return ticks / CLOCK_TICKS_PER_SECOND
}

/** The fields of /proc/PID/stat after the name: state, parent … */
function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

/** Least squares: how much `value` changes in a second. */
export function slopeOf(points: readonly { readonly second: number; readonly value: number }[]): number {
  const mean = (of: (it: { second: number; value: number }) => number) =>
    points.reduce((sum, it) => sum + of(it), 0) / points.length
  const second = mean((it) => it.second)
  const value = mean((it) => it.value)
  const spread = points.reduce((sum, it) => sum + (it.second - second) ** 2, 0)
  return spread === 0 ? 0 : points.reduce((sum, it) => sum + (it.second - second) * (it.value - value), 0) / spread
}
