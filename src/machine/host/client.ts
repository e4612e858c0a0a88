// The root helper, as seen over its socket. Holds nothing open between calls.
import { connect } from 'node:net'
import { Unreachable } from '../../core/errors.ts'
import type { HostApi, HostVerb, NetworkNow, Stick } from '../../core/host.ts'
import type { HostError } from './wire.ts'
import { hostSocket, unpackHostError } from './wire.ts'

const ANSWER_MS_MAX = 90_000
const AWAY = new Set(['ENOENT', 'ECONNREFUSED', 'EACCES', 'EPERM'])

/** Calls reject with Unreachable (code 'host-unreachable') where no helper answers. */
export function connectHost(dir: string): HostApi {
  const ask = <T>(verb: string, input: object): Promise<T> => call(hostSocket(dir), verb, input) as Promise<T>
  return {
    verbs: () =>
      ask<HostVerb[]>('verbs', {}).catch((error: unknown) => {
        if (error instanceof Unreachable && error.code === 'host-unreachable') return []
        throw error
      }),
    networkShow: () => ask<NetworkNow>('networkShow', {}),
    networkApply: (change) => ask<NetworkNow>('networkApply', change),
    networkConfirm: () => ask<NetworkNow>('networkConfirm', {}),
    networkRevert: () => ask<NetworkNow>('networkRevert', {}),
    clockSet: (ms) => ask<void>('clockSet', { ms }),
    clockServers: (servers) => ask<void>('clockServers', { servers }),
    serviceRestart: (name) => ask<void>('serviceRestart', { name }),
    reboot: () => ask<void>('reboot', {}),
    powerOff: () => ask<void>('powerOff', {}),
    stickMount: (write) => ask<Stick>('stickMount', { write }),
    stickUnmount: () => ask<void>('stickUnmount', {}),
    settingsWrite: (text, by) => ask<void>('settingsWrite', { text, by }),
  }
}

function call(path: string, verb: string, input: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let text = ''
    socket.setEncoding('utf8')
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error('no answer')))
    socket.on('connect', () => socket.write(`${JSON.stringify({ verb, input })}\n`))
    socket.on('data', (part: string) => (text += part))
    socket.on('error', (error: NodeJS.ErrnoException) => reject(unreachable(path, error)))
    socket.on('close', () => {
      try {
        const answer = JSON.parse(text) as { result?: unknown; error?: HostError }
        if (answer.error) reject(unpackHostError(answer.error))
        else resolve(answer.result)
      } catch (cause) {
        reject(unreachable(path, cause as Error))
      }
    })
  })
}

function unreachable(path: string, cause: NodeJS.ErrnoException): Unreachable {
  const isAway = AWAY.has(cause.code ?? '')
  const text = isAway ? `no helper of root answers on ${path}` : `the helper of root went away: ${cause.message}`
  const remedy = isAway ? 'start it as root: holdfast host --data DIR' : undefined
  return new Unreachable(isAway ? 'host-unreachable' : 'host-gone', text, { cause, ...(remedy && { remedy }) })
}
