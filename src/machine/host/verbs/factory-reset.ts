import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { z } from 'zod'
import { BadInput } from '../../../core/errors.ts'
import { AN_UPDATE } from '../../../core/host.ts'
import { writeWhole } from '../../whole-file.ts'
import { verb } from '../verb.ts'

/** Of the image: what a start does with the line that is laid here. */
const ERASER = '/usr/lib/holdfast/erase-state'
/** As settings have it for a device. */
const DEVICE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
const UPDATING = {
  where: AN_UPDATE,
  text: 'an update is under way: nothing was erased',
  remedy:
    'wait until it is over (holdfast update status), then ask again; one that does not end: holdfast factory reset NAME --despite-update, which erases the box at its next start by a version that knows how',
}

export const factoryReset = verb({
  name: 'factoryReset',
  input: z
    .strictObject({
      keep: z.string().regex(DEVICE).nullable(),
      overwrite: z.boolean().default(false),
      despiteUpdate: z.boolean().default(false),
    })
    .refine(({ keep, overwrite }) => keep === null || !overwrite, { error: 'what is kept cannot be written over' }),
  isOffered: ({ programs }) => programs.hasSystemd && existsSync(ERASER),
  async run({ keep, overwrite, despiteUpdate }, { programs, places, isUpdating }) {
    // A version that knows no reset would leave the line to a later one, which erases the box weeks after. But an updater that is broken ends none.
    if (!despiteUpdate && (await isUpdating())) throw new BadInput([UPDATING])
    await writeWhole(places.reset, lineOf(keep, overwrite), 0o600)
    try {
      await programs.run('systemctl', ['reboot'])
    } catch (error) {
      // A start that comes for another reason must not erase the box.
      await rm(places.reset, { force: true })
      throw error
    }
  },
})

/** A version that knows no overwriting erases, and no more. */
function lineOf(keep: string | null, overwrite: boolean): string {
  if (keep !== null) return `keep ${keep}\n`
  return overwrite ? 'all overwrite\n' : 'all\n'
}
