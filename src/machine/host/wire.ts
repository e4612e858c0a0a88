// What helper and asker agree on: DIR/run/host.sock, one line of JSON each way.
//
//   {"verb": "networkShow", "input": {}}   →   {"result": …}   or   {"error": {"problems": …}}, {"error": {"code", "text", "remedy"}}
import { join } from 'node:path'
import { BadInput, Unreachable } from '../../core/errors.ts'
import type { Problem } from '../../core/errors.ts'

export const REQUEST_CHARS_MAX = 5_000_000

export function hostSocket(dir: string): string {
  return join(dir, 'run', 'host.sock')
}

export interface HostError {
  readonly problems?: readonly Problem[]
  readonly code?: string
  readonly text?: string
  readonly remedy?: string | undefined
}

export function packHostError(error: unknown): HostError {
  if (error instanceof BadInput) return { problems: error.problems.map((it) => ({ ...it })) }
  if (error instanceof Unreachable) return { code: error.code, text: error.message, remedy: error.remedy }
  return { code: 'host-failed', text: (error as Error).message }
}

export function unpackHostError({ problems, code = 'host-failed', text = 'the helper failed', remedy }: HostError): Error {
  if (problems) return new BadInput(problems)
  return new Unreachable(code, text, remedy === undefined ? {} : { remedy })
}
