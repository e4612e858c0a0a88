import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Peer } from '../peer.ts'

/** Not a peer: a subscriber on the same mqtt package that counts and forgets, to see what receiving alone costs. */
export const bare: Peer = {
  name: 'bare',
  missing: () => undefined,
  setup({ dir, mqttPort }) {
    const buffer = join(dir, 'buffer')
    mkdirSync(buffer)
    return { command: process.execPath, args: [join(import.meta.dirname, 'bare.main.ts'), String(mqttPort)], buffer }
  },
  decode: () => [],
}
