// What client and server agree on: where the sockets are, what a call takes, how an error travels.
//
//   POST /v1/<call>  {…}     →  200 {"result": …}                     a call with one answer
//                            →  200 {"row": …}\n … {"done": true}\n   a call with many: NDJSON, {"error": …} as last line when it fails
//                            →  400 … 503 {"error": …}                refused, or failed before the first row
//
// A stream without its last line was cut: the agent is gone.
import { join } from 'node:path'
import type { AgentApi } from '../core/agent-api.ts'
import { ROLES } from '../core/agent-api.ts'
import { SOCKET_PATH_BYTES_MAX } from '../core/bounds.ts'
import type { Problem } from '../core/errors.ts'
import { BadInput, Blocked, Unreachable } from '../core/errors.ts'

export type Call = keyof AgentApi
export type Role = (typeof ROLES)[Call]

export function isCall(name: string): name is Call {
  return Object.hasOwn(ROLES, name)
}

/** DIR/run/view.sock or DIR/run/operate.sock. Throws BadInput when the path is longer than the system takes. */
export function socketPath(dir: string, role: Role): string {
  const path = join(dir, 'run', `${role}.sock`)
  const bytes = Buffer.byteLength(path)
  if (bytes <= SOCKET_PATH_BYTES_MAX) return path
  const text = `the socket's path ${path} has ${bytes} bytes; the system takes ${SOCKET_PATH_BYTES_MAX} at most`
  throw new BadInput([{ where: '--data', text, remedy: 'choose a data directory with a shorter path, or a link to it' }])
}

/** An error as it travels: of each class what it is made of. */
export interface WireError {
  readonly name: string
  readonly text: string
  readonly code?: string
  readonly remedy?: string | undefined
  readonly problems?: readonly Problem[]
  readonly topics?: readonly string[]
  readonly classes?: readonly string[]
}

export function packError(error: unknown): WireError {
  const { name, message: text } = error instanceof Error ? error : new Error(String(error))
  if (error instanceof BadInput) return { name, text, problems: error.problems.map((it) => ({ ...it })) }
  if (error instanceof Unreachable) return { name, text, code: error.code, remedy: error.remedy }
  if (error instanceof Blocked) {
    return { name, text, code: error.code, remedy: error.remedy, topics: [...error.topics], classes: [...error.classes] }
  }
  return { name: 'Error', text }
}

/** The error that was packed. What was a bug over there is none here: Unreachable with code 'agent-failed'. */
export function unpackError(packed: unknown): Error {
  const { name, text = 'failed without a word', code = 'unknown', remedy, ...rest } = (packed ?? {}) as Partial<WireError>
  const { problems = [], topics = [], classes = [] } = rest
  const how = remedy === undefined ? {} : { remedy }
  if (name === 'BadInput') return new BadInput(problems)
  if (name === 'Unreachable') return new Unreachable(code, text, how)
  if (name === 'Blocked') return new Blocked(code, text, { topics, classes }, how)
  return new Unreachable('agent-failed', `the agent failed: ${text}`, { remedy: "the agent's own log says more" })
}
