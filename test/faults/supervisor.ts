// What a service manager does: a life that ended with its own code is followed by another.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Living, Shim } from './child.ts'
import { isOwnEnd, live } from './child.ts'
import type { Life } from './life.ts'
import { lifeAfter } from './recording.ts'
import type { Truth } from './truth.ts'
import { beginLife, hear } from './truth.ts'

const RESTART_MS = 100

export interface Supervised {
  /** Lives that ended with an error's own code. */
  failures(): number
  /** What all lives have said so far, as long as `kill` was not called. */
  readonly truth: Truth
  /** Ends it; rejects when a life ended in a way that it must not. */
  kill(): Promise<void>
}

/** Keeps a life going in `dir`, one after the other, until `kill`. `truth` is filled meanwhile. */
export function supervise(
  dir: string,
  truth: Truth,
  plan: () => Omit<Life, 'dir' | 'from' | 'refused' | 'position'>,
  shim?: Shim,
): Supervised {
  let isOver = false
  let failures = 0
  let living: Living | undefined
  const wrong: string[] = []

  async function run(): Promise<void> {
    while (!isOver) {
      beginLife(truth)
      living = live(lifeAfter(truth, plan(), dir), (text) => hear(truth, text), shim)
      const end = await living.ended
      if (isOver) return
      failures++
      if (!isOwnEnd(end)) {
        wrong.push(`a life ended with ${end.code ?? end.signal}: ${truth.words.join(', ')} ${end.stderr}`)
        return
      }
      await sleep(RESTART_MS)
    }
  }

  const running = run()
  return {
    failures: () => failures,
    truth,
    async kill() {
      isOver = true
      living?.kill()
      await running
      if (wrong.length > 0) throw new Error(wrong.join('\n'))
    },
  }
}
