// How the machine is: processor, memory, disk, temperature; by systeminformation. Measured at most every few seconds.
import { readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { cpus } from 'node:os'
import type { HostStatus } from '../core/status.ts'

const MEASURE_EVERY_MS = 5000

/** Measures when asked, and not again before MEASURE_EVERY_MS. `dir`: whose disk it is. */
export function hostWatch(dir: string): () => Promise<HostStatus> {
  let last: Promise<HostStatus> | undefined
  let at = -Infinity
  return () => {
    if (last && performance.now() - at < MEASURE_EVERY_MS) return last
    at = performance.now()
    last = measure(dir)
    return last
  }
}

async function measure(dir: string): Promise<HostStatus> {
  // 8 MB, for an agent that somebody looks at.
  const { default: system } = await import('systeminformation')
  const { cpuTemperature, currentLoad, mem } = system
  const [load, memory, disk, temperature] = await Promise.all([currentLoad(), mem(), statfs(dir), cpuTemperature()])
  return {
    cpu: { loadPercent: Math.round(load.currentLoad), cores: cpus().length },
    memory: { bytes: memory.total, usedBytes: memory.total - memory.available, agentBytes: process.memoryUsage.rss() },
    disk: { bytes: disk.blocks * disk.bsize, freeBytes: disk.bavail * disk.bsize },
    temperature: typeof temperature.main === 'number' && temperature.main > 0 ? temperature.main : null,
  }
}

/** What this process has written to the disk, at the rate since it began; 0 where the system does not say. */
export function bytesWrittenPerDay(): number {
  try {
    const written = Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? 0)
    return (written / Math.max(60, process.uptime())) * 86_400
  } catch {
    return 0
  }
}
