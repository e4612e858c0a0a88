import { call } from '../api/client.ts'
import type { ListKey } from '../settings-text/entries.ts'
import { isTaken } from '../settings-text/entries.ts'
import type { FoundProblems } from '../settings-text/problems.ts'
import { nameTaken } from '../settings-text/problems.ts'
import { t } from '../words/index.ts'

/** Asked before anything is stored: whoever has the name already would lose what it has. `before`: the name in the settings, undefined where it is new. */
export async function takenName(list: ListKey, before: string | undefined, given: string): Promise<FoundProblems | undefined> {
  const { text } = await call('settings show', {})
  return isTaken(text, list, before, given) ? nameTaken(t('form.nameTaken')) : undefined
}
