// What the machine is and how it does, by systeminformation; nothing of its environment, no serial numbers of people's things.
import { networkInterfaces, release, uptime } from 'node:os'

export async function machineNow(): Promise<object> {
  const { default: system } = await import('systeminformation')
  const [cpu, load, memory, disks, processes] = await Promise.all([
    system.cpu(),
    system.currentLoad(),
    system.mem(),
    system.fsSize(),
    system.processLoad('node'),
  ])
  return {
    cpu: {
      brand: cpu.brand,
      cores: cpu.cores,
      speedGHz: cpu.speed,
      loadPercent: Math.round(load.currentLoad),
      average: load.avgLoad,
    },
    memory: { bytes: memory.total, availableBytes: memory.available, swapUsedBytes: memory.swapused },
    disks: disks.map((it) => ({ mount: it.mount, type: it.type, bytes: it.size, usedBytes: it.used })),
    processes: processes.map((it) => ({ name: it.proc, pids: it.pids, cpuPercent: it.cpu, memoryPercent: it.mem })),
    kernel: release(),
    upSeconds: Math.round(uptime()),
  }
}

export function networkNow(): object {
  const list = Object.entries(networkInterfaces())
  return Object.fromEntries(
    list.map(([name, all = []]) => [name, all.map((it) => ({ address: it.cidr, mac: it.mac, internal: it.internal }))]),
  )
}
