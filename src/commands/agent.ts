import { BadInput } from '../core/errors.ts'
import type { Command } from './command.ts'

export const agent: Command = {
  name: 'agent',
  role: 'local',
  summary: 'run the data path in the foreground',
  arguments: [],
  options: {
    settings: { value: 'FILE', summary: 'the settings; needed' },
    values: { value: 'FILE', summary: "the box's own values, for { var: NAME }" },
  },
  run({ options, dir, parts, signal }) {
    const { settings, values } = options
    if (typeof settings !== 'string') throw new BadInput([{ where: '--settings', text: 'is needed: the settings file' }])
    return parts.agent({ settings, dir, ...(typeof values === 'string' && { values }) }, signal)
  },
}
