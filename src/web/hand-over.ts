// What was done on the box, to the agent and so to the uplinks: the list of access is offered from where the agent says that it is, again and again.
// Nothing waits for it; while no agent answers, or it has no room, the list keeps what came.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Access } from '../access/index.ts'
import type { AgentApi } from '../core/agent-api.ts'
import { EVENTS_OFFERED_MAX } from '../core/bounds.ts'
import { Unreachable } from '../core/errors.ts'
import type { Logger } from '../core/source.ts'

const LOOK_EVERY_MS = 1_000
/** While no agent answers, or takes what it is offered. */
const RETRY_MS = 5_000

export interface HandOver {
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>
}

export function handOver(access: Access, agent: Pick<AgentApi, 'takeEvents'>, log: Logger): HandOver {
  const stop = new AbortController()
  /** What the agent wants; undefined: it has to be asked. */
  let next: number | undefined
  /** What keeps it from going on is said once. */
  let said: string | undefined

  /** Says how long to wait. */
  async function round(): Promise<number> {
    const list = access.eventsId()
    next ??= (await agent.takeEvents({ list, from: 1, events: [] })).next
    // Where an older list was put back, all of it goes out anew under another name: twice is seen, not at all is not.
    if (access.wasSetBack(next)) {
      next = undefined
      return 0
    }
    const { events } = access.auditFrom(next, EVENTS_OFFERED_MAX)
    if (events.length === 0) return LOOK_EVERY_MS
    const offered = next
    next = (await agent.takeEvents({ list, from: offered, events })).next
    if (next === offered) return RETRY_MS
    return next > (events.at(-1)?.position ?? 0) && events.length === EVENTS_OFFERED_MAX ? 0 : LOOK_EVERY_MS
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      let waitMs = RETRY_MS
      try {
        waitMs = await round()
        said = undefined
      } catch (error) {
        // Who comes back may have another log.
        next = undefined
        const why = String(error)
        if (why !== said && error instanceof Unreachable) log.warn({ code: error.code }, 'events wait for the agent')
        else if (why !== said) log.error({ err: error }, 'events cannot be handed over')
        said = why
      }
      await sleep(waitMs, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  }

  const ended = run()
  return {
    async close() {
      stop.abort()
      await ended
    },
  }
}
