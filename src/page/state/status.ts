// The agent's status, asked again every two seconds while somebody looks.
import { signal } from '@preact/signals'
import type { Status } from '../../core/status.ts'
import { call } from '../api/client.ts'
import type { ApiError } from '../api/errors.ts'
import { errorOf } from '../api/errors.ts'

const EVERY_MS = 2_000

export const status = signal<Status | undefined>(undefined)
/** Why there is no newer one. */
export const statusError = signal<ApiError | undefined>(undefined)

export async function askStatus(): Promise<void> {
  try {
    status.value = await call('status', {})
    statusError.value = undefined
  } catch (error) {
    statusError.value = errorOf(error)
  }
}

/** Until the returned function is called. */
export function watchStatus(): () => void {
  let timer = 0
  let isOver = false
  const turn = async () => {
    if (document.visibilityState === 'visible') await askStatus()
    if (!isOver) timer = window.setTimeout(turn, EVERY_MS)
  }
  void turn()
  return () => {
    isOver = true
    window.clearTimeout(timer)
  }
}

export type Health = 'ok' | 'attention' | 'problem' | 'unknown'

/** How each is shown. */
export const HEALTH_TONES = { ok: 'ok', attention: 'attention', problem: 'problem', unknown: 'off' } as const satisfies Record<
  Health,
  string
>

export function healthOf(it: Status | undefined, error: ApiError | undefined): Health {
  if (error !== undefined) return 'problem'
  if (it === undefined) return 'unknown'
  if (it.issues.some((issue) => issue.severity === 'problem')) return 'problem'
  return it.issues.some((issue) => issue.severity === 'warning') ? 'attention' : 'ok'
}
