import { DURATION_ALLOWED, parseDurationMs } from '../core/units.ts'
import { BadInput } from '../core/errors.ts'
import type { Command, CommandContext, UpdaterPlace } from './command.ts'

const PLACES: Readonly<Record<string, UpdaterPlace>> = {
  'state-dir': 'state',
  settings: 'settings',
  values: 'values',
  'stick-dir': 'stick',
  minimum: 'minimum',
  'os-release': 'osRelease',
  rauc: 'rauc',
  'rauc-config': 'raucConfig',
  bus: 'bus',
}
const WITHIN_MS = 300_000
const GRACE_MS = 60_000
const STEADY_MS = 10_000

export const updater: Command = {
  name: 'updater',
  role: 'local',
  summary: 'installs updates, as root: from the update server, an address, a stick',
  arguments: [],
  options: {
    'state-dir': { value: 'DIR', summary: 'what an update is at, DIR/update where it is missing' },
    settings: { value: 'FILE', summary: "the agent's settings, DIR/settings.yaml where it is missing" },
    values: { value: 'FILE', summary: "the box's own values" },
    'stick-dir': { value: 'DIR', summary: 'where a stick is mounted, /run/holdfast/stick where it is missing' },
    minimum: { value: 'FILE', summary: 'the least version that is installed, minimum.json of the state where it is missing' },
    'os-release': { value: 'FILE', summary: 'its IMAGE_VERSION is what runs, /etc/os-release where it is missing' },
    rauc: { value: 'FILE', summary: '/usr/bin/rauc where it is missing' },
    'rauc-config': { value: 'FILE', summary: "RAUC's own, /etc/rauc/system.conf where it is missing" },
    bus: { value: 'ADDRESS', summary: "the system's D-Bus, where it is not the usual one" },
    'well-within': { value: 'DURATION', summary: 'a new version has so long to be well, 5m where it is missing' },
    grace: { value: 'DURATION', summary: 'before it nothing is excused for not answering, 60s where it is missing' },
    steady: { value: 'DURATION', summary: 'it has to be well for so long, 10s where it is missing' },
    boot: { value: 'NAME', summary: 'of this boot: ends with status 10 instead of booting, somebody else does' },
  },
  run(context) {
    const { options, dir, parts, signal } = context
    const named = Object.entries(PLACES).flatMap(([option, place]) => {
      const value = options[option]
      return typeof value === 'string' ? [[place, value] as const] : []
    })
    const times = {
      withinMs: duration(context, 'well-within', WITHIN_MS),
      graceMs: duration(context, 'grace', GRACE_MS),
      steadyMs: duration(context, 'steady', STEADY_MS),
    }
    const boot = typeof options['boot'] === 'string' ? options['boot'] : undefined
    return parts.updater({ dir, places: Object.fromEntries(named), times, boot }, signal)
  },
}

function duration({ options }: CommandContext, name: string, otherwise: number): number {
  const text = options[name]
  const ms = typeof text === 'string' ? parseDurationMs(text) : otherwise
  if (ms === undefined) throw new BadInput([{ where: `--${name}`, text: `must be ${DURATION_ALLOWED}` }])
  return ms
}
