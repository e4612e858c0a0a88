// Asks a socket of fixed verbs. Holds nothing open between calls.
import { connect } from 'node:net'
import { Unreachable } from '../core/errors.ts'
import type { VerbError } from './verb-wire.ts'
import { unpackError } from './verb-wire.ts'

/** Who should answer, in what is said when nobody does. */
export interface Answerer {
  /** Of what is said when it is away, and when it went in the middle. */
  readonly away: { readonly code: string }
  readonly gone: { readonly code: string }
  /** `the helper of root` */
  readonly name: string
  readonly remedy: string
}

const ANSWER_MS_MAX = 90_000
const DENIED = new Set(['EACCES', 'EPERM'])
const AWAY = new Set(['ENOENT', 'ECONNREFUSED'])

/** Rejects with Unreachable (code '…-unreachable') where nobody answers, with what the verb failed of otherwise. */
export function askVerb(path: string, who: Answerer, verb: string, input: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let text = ''
    socket.setEncoding('utf8')
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error('no answer')))
    socket.on('connect', () => socket.write(`${JSON.stringify({ verb, input })}\n`))
    socket.on('data', (part: string) => (text += part))
    socket.on('error', (error: NodeJS.ErrnoException) => reject(unreachable(path, who, error)))
    socket.on('close', () => {
      try {
        const answer = JSON.parse(text) as { result?: unknown; error?: VerbError }
        if (answer.error) reject(unpackError(answer.error))
        else resolve(answer.result)
      } catch (cause) {
        reject(unreachable(path, who, cause as Error))
      }
    })
  })
}

function unreachable(path: string, { away, gone, name, remedy }: Answerer, cause: NodeJS.ErrnoException): Unreachable {
  if (DENIED.has(cause.code ?? ''))
    return new Unreachable(away.code, `no permission for ${path}`, {
      cause,
      remedy: 'run as root, or as a member of the group that the socket belongs to',
    })
  const isAway = AWAY.has(cause.code ?? '')
  const text = isAway ? `${name} does not answer on ${path}` : `${name} went away: ${cause.message}`
  return new Unreachable((isAway ? away : gone).code, text, { cause, ...(isAway && { remedy }) })
}
