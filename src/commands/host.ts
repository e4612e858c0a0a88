import type { Command, HostPlace } from './command.ts'

const PLACES: Readonly<Record<string, HostPlace>> = {
  'network-dir': 'network',
  'time-dir': 'time',
  'time-file': 'keptTime',
  'stick-dir': 'stick',
  'stick-device': 'stickDevice',
  settings: 'settings',
  'state-dir': 'state',
  'reset-file': 'reset',
}

export const host: Command = {
  name: 'host',
  role: 'local',
  summary: 'the small helper of root: network, clock, restart, stick',
  arguments: [],
  options: {
    'network-dir': { value: 'DIR', summary: 'files of systemd-networkd, /etc/systemd/network where it is missing' },
    'time-dir': { value: 'DIR', summary: 'drop-ins of systemd-timesyncd, /etc/systemd/timesyncd.conf.d where it is missing' },
    'time-file': {
      value: 'FILE',
      summary: 'whose time a start goes on from, /var/lib/systemd/timesync/clock where it is missing',
    },
    'stick-dir': { value: 'DIR', summary: 'where a stick is mounted, /run/holdfast/stick where it is missing' },
    'stick-device': { value: 'DEVICE', summary: 'taken for the stick; the USB device that is plugged in where it is missing' },
    settings: { value: 'FILE', summary: "the agent's settings, DIR/settings.yaml where it is missing" },
    'state-dir': { value: 'DIR', summary: 'changes that wait for their confirmation, DIR/host where it is missing' },
    'reset-file': { value: 'FILE', summary: 'laid for a start that erases the box, /state/reset where it is missing' },
  },
  run({ options, dir, parts, signal }) {
    const named = Object.entries(PLACES).flatMap(([option, place]) => {
      const value = options[option]
      return typeof value === 'string' ? [[place, value] as const] : []
    })
    return parts.host({ dir, places: Object.fromEntries(named) }, signal)
  },
}
