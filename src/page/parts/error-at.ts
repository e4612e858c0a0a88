import { errorOf } from '../api/errors.ts'
import { saidWords } from './said-text.ts'

/** What a refusal says of one field, to stand at it; undefined: it is about something else, or there is none. */
export function errorAt(error: unknown, field: string): string | undefined {
  const problem = error === undefined ? undefined : errorOf(error).problems.find((it) => it.where === field)
  if (!problem) return undefined
  const { text, remedy } = saidWords({ text: problem.text, remedy: problem.remedy })
  return remedy === undefined ? text : `${text} (${remedy})`
}
