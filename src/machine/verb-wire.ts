// How errors of a verb travel.
import { BadInput, Unreachable } from '../core/errors.ts'
import type { Problem } from '../core/errors.ts'

export const REQUEST_CHARS_MAX = 5_000_000

export interface VerbError {
  readonly problems?: readonly Problem[]
  readonly code?: string
  readonly text?: string
  readonly remedy?: string | undefined
}

export function packError(error: unknown): VerbError {
  if (error instanceof BadInput) return { problems: error.problems.map((it) => ({ ...it })) }
  if (error instanceof Unreachable) return { code: error.code, text: error.message, remedy: error.remedy }
  return { code: 'host-failed', text: (error as Error).message }
}

export function unpackError({ problems, code = 'host-failed', text = 'it failed', remedy }: VerbError): Error {
  if (problems) return new BadInput(problems)
  return new Unreachable(code, text, remedy === undefined ? {} : { remedy })
}
