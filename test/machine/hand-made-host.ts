// The helper's side as plain data: what the contract says and nothing behind it.
import type { HostApi, NetworkNow } from '../../src/core/host.ts'

const NOW: NetworkNow = {
  interfaces: [{ name: 'eth0', up: true, mac: '02:00:00:00:00:01', addresses: ['10.20.1.40/24'], gateway: '10.20.1.1' }],
  ports: [],
  pending: null,
  nameServers: ['10.20.1.1'],
  by: 'ip',
}

export function handMadeHost(): HostApi {
  return {
    verbs: async () => ['networkShow', 'networkApply', 'networkConfirm', 'networkRevert', 'clockSet', 'serviceRestart'],
    networkShow: async () => NOW,
    networkApply: async ({ ports, confirmWithinMs, by }) => ({ ...NOW, pending: { ports, by, revertsInMs: confirmWithinMs } }),
    networkConfirm: async () => NOW,
    networkRevert: async () => NOW,
    clockSet: async () => undefined,
    clockServers: async () => undefined,
    serviceRestart: async () => undefined,
    reboot: async () => undefined,
    powerOff: async () => undefined,
    stickMount: async () => ({ path: '/run/holdfast/stick', device: '/dev/sda1', bytesFree: 1e9 }),
    stickUnmount: async () => undefined,
    settingsWrite: async () => undefined,
    factoryReset: async () => undefined,
  }
}
