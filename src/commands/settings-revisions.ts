// Revisions as people type them: the first digits are enough.
import type { AgentApi } from '../core/agent-api.ts'
import { BadInput } from '../core/errors.ts'

const DIGITS_MIN = 6
export const REVISION_OPTION = {
  value: 'R',
  summary: `this revision of the history, or its first ${DIGITS_MIN} digits or more`,
} as const

/** Throws BadInput where it names none, or several. */
export async function revisionOf(agent: AgentApi, given: string): Promise<string> {
  const wrong = (text: string) => new BadInput([{ where: given, text, remedy: 'holdfast settings history lists them' }])
  if (!/^[0-9a-f]{6,64}$/.test(given)) throw wrong(`is no revision: ${DIGITS_MIN} to 64 hexadecimal digits`)
  const found = new Set((await agent.settingsHistory()).map((it) => it.revision).filter((it) => it.startsWith(given)))
  const [first] = found
  if (first === undefined) throw wrong('there is no revision that begins so')
  if (found.size > 1) throw wrong('several revisions begin so: give more digits')
  return first
}
