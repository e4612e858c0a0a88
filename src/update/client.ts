// The updater, as seen over its socket.
import { join } from 'node:path'
import type { UpdateApi, UpdateStatus } from '../core/update.ts'
import type { Answerer } from '../machine/verb-client.ts'
import { askVerb } from '../machine/verb-client.ts'

const UPDATER: Answerer = {
  away: { code: 'updater-unreachable' },
  gone: { code: 'updater-gone' },
  name: 'the updater',
  remedy: 'start it as root: holdfast updater --data DIR --state-dir DIR',
}

export function updateSocket(dir: string): string {
  return join(dir, 'run', 'update.sock')
}

/** Calls reject with Unreachable (code 'updater-unreachable') where none answers. */
export function connectUpdater(dir: string): UpdateApi {
  const ask = <T>(verb: string, input: object): Promise<T> => askVerb(updateSocket(dir), UPDATER, verb, input) as Promise<T>
  return {
    status: () => ask<UpdateStatus>('status', {}),
    check: () => ask<UpdateStatus>('check', {}),
    take: (offset, base64) => ask<{ bytes: number }>('take', { offset, base64 }),
    install: (from, by) => ask<UpdateStatus>('install', { from, by }),
    confirm: (by) => ask<UpdateStatus>('confirm', { by }),
    cancel: (by) => ask<UpdateStatus>('cancel', { by }),
    rollBack: (by) => ask<UpdateStatus>('rollBack', { by }),
  }
}
