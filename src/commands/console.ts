import { join } from 'node:path'
import { BadInput } from '../core/errors.ts'
import { DURATION_ALLOWED, parseDurationMs } from '../core/units.ts'
import type { Command, CommandContext } from './command.ts'

const IDLE_MS = 600_000
const PANEL_PORT = 443

export const console: Command = {
  name: 'console',
  role: 'local',
  summary: 'the menu of the serial line: 80 x 24, plain ASCII',
  arguments: [],
  options: {
    settings: { value: 'FILE', summary: "the agent's settings, DIR/settings.yaml where it is missing" },
    values: { value: 'FILE', summary: "the box's own values, for { var: NAME }" },
    idle: { value: 'DURATION', summary: 'logs out when nobody types, 10m where it is missing' },
    'panel-port': { value: 'N', summary: 'of the page, 443 where it is missing' },
    stick: { value: 'DIR', summary: 'a folder that is there as the stick; else the helper mounts it' },
    'agent-log': { value: 'FILE', summary: "the agent's own log, where no journal has it" },
  },
  run(context) {
    const { options, dir, parts, signal } = context
    const text = (key: string) => (typeof options[key] === 'string' ? options[key] : undefined)
    return parts.console(
      {
        dir,
        settings: text('settings') ?? join(dir, 'settings.yaml'),
        values: text('values'),
        idleMs: idleOf(context),
        panelPort: portOf(context),
        stick: text('stick'),
        agentLog: text('agent-log'),
      },
      signal,
    )
  },
}

function portOf({ options }: CommandContext): number {
  const port = Number(options['panel-port'] ?? PANEL_PORT)
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new BadInput([{ where: '--panel-port', text: 'must be a port from 1 to 65535' }])
}

function idleOf({ options }: CommandContext): number {
  const { idle } = options
  if (typeof idle !== 'string') return IDLE_MS
  const ms = parseDurationMs(idle)
  if (ms !== undefined && ms >= 1_000) return ms
  throw new BadInput([{ where: '--idle', text: `must be ${DURATION_ALLOWED}, at least 1s` }])
}
