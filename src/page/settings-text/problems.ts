// Problems of a check, each beside the field of a form that it is of.
import type { SettingsCheck } from '../../core/operator.ts'
import type { ListKey } from './entries.ts'
import { entriesOf } from './entries.ts'

export interface FoundProblems {
  readonly all: SettingsCheck['problems']
  /** The entry that the form is of: `sources[0]`. */
  readonly at: string
}

export const NO_PROBLEMS: FoundProblems = { all: [], at: '' }

export function problemsOf(
  it: { readonly text: string; readonly check: SettingsCheck },
  key: ListKey,
  name: string,
): FoundProblems {
  const index = entriesOf(it.text, key).findIndex((one) => one['name'] === name)
  return { all: it.check.problems, at: `${key}[${index}]` }
}

/** `sources[0].tags[1].register` is at `sources[0].tags`. */
const isAt = (path: string, key: string) => path === key || path.startsWith(`${key}.`) || path.startsWith(`${key}[`)

export function problemAt({ all, at }: FoundProblems, key: string): string | undefined {
  return all.find((it) => isAt(it.path, `${at}.${key}`))?.text
}

/** A new entry under a name that stands already: told before anything is stored for it. */
export const nameTaken = (text: string): FoundProblems => ({ all: [{ path: 'new.name', line: 0, column: 0, text }], at: 'new' })

/** Those of no field that is shown. */
export function otherProblems({ all, at }: FoundProblems, shown: readonly string[]): SettingsCheck['problems'] {
  return all.filter((it) => !shown.some((key) => isAt(it.path, `${at}.${key}`)))
}
