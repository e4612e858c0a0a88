// The box's interfaces, and a change of their addresses that waits for somebody: asked again while somebody looks.
import { signal } from '@preact/signals'
import type { NetworkNow } from '../../core/host.ts'
import { call } from '../api/client.ts'
import type { ApiError } from '../api/errors.ts'
import { errorOf } from '../api/errors.ts'

const EVERY_MS = 10_000
/** Where nobody can change anything. */
const SELDOM_MS = 60_000
/** A box whose address has just changed does not answer at all. */
const ANSWER_MS_MAX = 8_000

export interface NetworkSeen extends NetworkNow {
  /** When the change goes back, by this browser's clock. */
  readonly revertsAt: number
}

export const network = signal<NetworkSeen | undefined>(undefined)
export const networkError = signal<ApiError | undefined>(undefined)

export function takeNetwork(now: NetworkNow): NetworkSeen {
  networkError.value = undefined
  const seen = { ...now, revertsAt: Date.now() + (now.pending?.revertsInMs ?? 0) }
  network.value = seen
  return seen
}

export async function askNetwork(): Promise<void> {
  try {
    takeNetwork(await call('network show', {}, AbortSignal.timeout(ANSWER_MS_MAX)))
  } catch (error) {
    networkError.value = errorOf(error)
  }
}

/** Until the returned function is called. */
export function watchNetwork(): () => void {
  let timer = 0
  let isOver = false
  const turn = async () => {
    if (document.visibilityState === 'visible') await askNetwork()
    if (isOver) return
    const { pending, revertsAt = 0, by } = network.value ?? {}
    // It is seen to be back at once.
    const untilBack = pending ? Math.max(1_000, revertsAt - Date.now() + 500) : Infinity
    timer = window.setTimeout(turn, Math.min(untilBack, by === null ? SELDOM_MS : EVERY_MS))
  }
  void turn()
  return () => {
    isOver = true
    window.clearTimeout(timer)
  }
}
