import { ADDON_KEYRING } from './keyring.ts'
import type { Command } from './command.ts'

const KEYRING = ADDON_KEYRING

export const scorer: Command = {
  name: 'scorer',
  role: 'local',
  summary: 'runs the models that rules name, each in a process of its own',
  arguments: [],
  options: {
    keyring: { value: 'FILE', summary: `whose add-on runs them, ${KEYRING} where it is missing` },
    'unpack-to': { value: 'DIR', summary: 'a folder of its own for the add-on, DIR/scorer where it is missing' },
  },
  run({ options, dir, parts, signal }) {
    const { keyring, 'unpack-to': unpackTo } = options
    return parts.scorer(
      {
        dir,
        keyring: typeof keyring === 'string' ? keyring : KEYRING,
        ...(typeof unpackTo === 'string' && { unpackTo }),
      },
      signal,
    )
  },
}
