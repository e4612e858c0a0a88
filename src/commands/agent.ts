import { BadInput } from '../core/errors.ts'
import { ADDON_KEYRING } from './keyring.ts'
import type { Command } from './command.ts'

export const agent: Command = {
  name: 'agent',
  role: 'local',
  summary: 'run the data path in the foreground',
  arguments: [],
  options: {
    settings: { value: 'FILE', summary: 'the settings; needed' },
    keyring: { value: 'FILE', summary: `whose add-on for models is taken, ${ADDON_KEYRING} where it is missing` },
    values: { value: 'FILE', summary: "the box's own values, for { var: NAME }" },
  },
  run({ options, dir, parts, signal }) {
    const { settings, values, keyring } = options
    if (typeof settings !== 'string') throw new BadInput([{ where: '--settings', text: 'is needed: the settings file' }])
    return parts.agent(
      {
        settings,
        dir,
        keyring: typeof keyring === 'string' ? keyring : ADDON_KEYRING,
        ...(typeof values === 'string' && { values }),
      },
      signal,
    )
  },
}
