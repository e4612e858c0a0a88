import { z } from 'zod'
import { BadInput } from '../../../core/errors.ts'
import { writeWhole } from '../../whole-file.ts'
import { verb } from '../verb.ts'

const CHARS_MAX = 4_000_000

export const settingsWrite = verb({
  name: 'settingsWrite',
  input: z.strictObject({ text: z.string().max(CHARS_MAX), by: z.string().min(1).max(128) }),
  async run({ text }, { checkSettings, agentRuns, places }) {
    if (await agentRuns()) {
      const remedy = 'settings apply changes them while it runs, with history and a way back'
      throw new BadInput([{ where: 'settings', text: 'an agent runs', remedy }])
    }
    await checkSettings(text)
    await writeWhole(places.settings, text)
  },
})
