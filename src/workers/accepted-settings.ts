// A start does not check again what the same build has accepted: a thread, zod, yaml and the protocols' schemas are a third of what a start costs.
import type { Accepted } from '../settings/accepted.ts'
import type { CheckedApart } from './read-settings.ts'

type Check = (text: string, ranBefore: boolean) => Promise<CheckedApart>

/** As `check`. What is accepted is kept once whoever asked has it: `notKept` where that fails. */
export function unlessAccepted(accepted: Accepted, check: Check, notKept: (error: Error) => void): Check {
  return async (text, ranBefore) => {
    const known = await accepted.find(text, ranBefore)
    if (known) return { checked: { settings: known }, changes: [] }
    const key = await accepted.key(text)
    const found = await check(text, ranBefore)
    if (key && 'settings' in found.checked)
      void keep(accepted, key, text, { ranBefore, checked: found.checked.settings }).catch(notKept)
    return found
  }
}

/** The check read the secrets by itself: somebody may have changed them under its hands. */
async function keep(accepted: Accepted, key: Buffer, text: string, kept: Parameters<Accepted['keep']>[1]): Promise<void> {
  if (key.equals((await accepted.key(text)) ?? Buffer.alloc(0))) await accepted.keep(key, kept)
}
