// The end of a run: wait until all is delivered.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClassStatus, Status } from '../../src/core/status.ts'
import type { Scene } from './scene.ts'
import { count } from './screen.ts'

const POLL_MS = 500
/** Two answers in a row without a change: what was under way at the first has arrived by the second. */
const QUIET_ANSWERS = 2

/** The last status, and whether all that was accepted is delivered or accounted for. */
export interface Drained {
  readonly status: Status | undefined
  readonly isDrained: boolean
}

/** `progress` hears how much is left, every few seconds. */
export async function drain(
  scene: Scene,
  secondsMax: number,
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<Drained> {
  const deadline = performance.now() + secondsMax * 1000
  let status: Status | undefined
  let before = -1
  let quiet = 0
  for (let round = 0; performance.now() < deadline; round++) {
    status = await scene.agent.status()
    const accepted = sumOf(status?.classes ?? [], 'accepted')
    quiet = status && leftOf(status) === 0 && accepted === before ? quiet + 1 : 0
    if (status && quiet >= QUIET_ANSWERS) return { status, isDrained: true }
    before = accepted
    if (round % 10 === 9)
      progress(status ? `${count(leftOf(status))} readings still to deliver` : 'the agent does not answer yet')
    await sleep(POLL_MS, undefined, { signal })
  }
  return { status, isDrained: false }
}

function leftOf(status: Status): number {
  return status.uplinks.reduce((sum, it) => sum + it.lagReadings, 0)
}

export function sumOf(classes: readonly ClassStatus[], key: 'accepted' | 'stored' | 'delivered' | 'aggregated'): number {
  return classes.reduce((sum, it) => sum + it[key], 0)
}
