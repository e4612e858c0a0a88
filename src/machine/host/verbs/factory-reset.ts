import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { z } from 'zod'
import { writeWhole } from '../../whole-file.ts'
import { verb } from '../verb.ts'

/** Of the image: what a start does with the line that is laid here. */
const ERASER = '/usr/lib/holdfast/erase-state'
/** As settings have it for a device. */
const DEVICE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

export const factoryReset = verb({
  name: 'factoryReset',
  input: z.strictObject({ keep: z.string().regex(DEVICE).nullable() }),
  isOffered: ({ programs }) => programs.hasSystemd && existsSync(ERASER),
  async run({ keep }, { programs, places }) {
    await writeWhole(places.reset, keep === null ? 'all\n' : `keep ${keep}\n`, 0o600)
    try {
      await programs.run('systemctl', ['reboot'])
    } catch (error) {
      // A start that comes for another reason must not erase the box.
      await rm(places.reset, { force: true })
      throw error
    }
  },
})
