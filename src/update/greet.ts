// A boot that has no update behind it: the boot loader wants to hear each time that it came up.
import { setTimeout as sleep } from 'node:timers/promises'

export interface GreetParts {
  readonly over: AbortSignal
  said(text: string): void
  /** False: this boot is on trial, or goes back from one: whoever judges that is waited for. */
  isOrdinary(): Promise<boolean>
  isWell(): Promise<boolean>
  markGood(): Promise<void>
  /** Milliseconds between the first two tries; a minute where it is missing. */
  readonly againMs?: number
}

const AGAIN_MS = 60_000
/** A box that does not become well is looked at seldom. */
const AGAIN_MS_MAX = 900_000

/**
 * Until the slot is marked good, or `over`: an agent that comes late, or a RAUC that does not answer once, must not send the next
 * boot to the other slot. The same trouble is said once. Rejects never.
 */
export async function greet(parts: GreetParts): Promise<void> {
  const { over, said, againMs = AGAIN_MS } = parts
  let told: string | undefined
  let pauseMs = againMs
  for (;;) {
    const trouble = await tried(parts)
    if (trouble === 'good' || over.aborted) return
    if (trouble !== 'waits' && trouble !== told) said(trouble)
    told = trouble
    await sleep(pauseMs, undefined, { signal: over }).catch(() => undefined)
    pauseMs = Math.min(2 * pauseMs, Math.max(againMs, AGAIN_MS_MAX))
  }
}

/** What keeps the slot from being marked good, in words. */
async function tried({ isOrdinary, isWell, markGood }: GreetParts): Promise<'good' | 'waits' | (string & {})> {
  try {
    if (!(await isOrdinary())) return 'waits'
    if (!(await isWell())) return 'this boot has not shown that it is well: its slot is not marked good yet'
    await markGood()
    return 'good'
  } catch (error) {
    return `this boot could not be marked good yet: ${(error as Error).message}`
  }
}
