// A boot that has no update behind it: the boot loader wants to hear each time that it came up.
import { setTimeout as sleep } from 'node:timers/promises'

export interface GreetParts {
  readonly over: AbortSignal
  said(text: string): void
  /** False: this boot is on trial, and who judges that says what becomes of it. */
  isOrdinary(): Promise<boolean>
  isWell(): Promise<boolean>
  markGood(): Promise<void>
  /** Milliseconds between two tries; a minute where it is missing. */
  readonly againMs?: number
}

const AGAIN_MS = 60_000

/**
 * Until the slot is marked good, the boot is on trial, or `over`: an agent that comes late, or a RAUC that does not answer once, must not send the next
 * boot to the other slot. The same trouble is said once. Rejects never.
 */
export async function greet(parts: GreetParts): Promise<void> {
  const { over, said, againMs = AGAIN_MS } = parts
  let told: string | undefined
  for (;;) {
    const trouble = await tried(parts)
    if (trouble === undefined || over.aborted) return
    if (trouble !== told) said(trouble)
    told = trouble
    await sleep(againMs, undefined, { signal: over }).catch(() => undefined)
  }
}

/** What keeps the slot from being marked good; undefined: nothing any more. */
async function tried({ isOrdinary, isWell, markGood }: GreetParts): Promise<string | undefined> {
  try {
    if (!(await isOrdinary())) return undefined
    if (!(await isWell())) return 'this boot has not shown that it is well: its slot is not marked good yet'
    await markGood()
    return undefined
  } catch (error) {
    return `this boot could not be marked good yet: ${(error as Error).message}`
  }
}
