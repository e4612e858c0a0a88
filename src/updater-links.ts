// By which way the box may fetch for itself: as its agent says, by the same admission as readings; where that one is away, by what the settings say.
import type { AgentApi } from './core/agent-api.ts'
import { SYSTEM_CLASS } from './core/admission.ts'
import type { UplinkView } from './core/links.ts'
import { machineInterfaces } from './machine/interfaces.ts'
import type { UpdaterSettings } from './updater-settings.ts'

export interface SystemWay {
  /** Why there is none now. */
  readonly wait?: string | undefined
  /** Undefined: whatever way the system has. */
  readonly localAddress?: string | undefined
}

export async function systemWay(agent: AgentApi, settings: UpdaterSettings): Promise<SystemWay> {
  return agent.uplinks().then(ofViews, () => withoutAgent(settings))
}

function ofViews(views: readonly UplinkView[]): SystemWay {
  const all = views.flatMap((it) => it.classes.filter(({ name }) => name === SYSTEM_CLASS))
  if (all.length === 0) return {}
  const way = all.find((it) => it.sent)
  return way ? { localAddress: way.address } : { wait: `${SYSTEM_CLASS}: ${all[0]?.text ?? 'no link carries it'}` }
}

/** A sick agent is what updates are for: links that cost nothing may be used without it. */
function withoutAgent({ links }: UpdaterSettings): SystemWay {
  if (links.length === 0) return {}
  const interfaces = machineInterfaces()
  const free = links.filter((it) => !it.hasBudget && it.carriesSystem)
  const localAddress = free.map((it) => interfaces.address(it.interface)).find((it) => it !== undefined)
  return localAddress === undefined
    ? { wait: `the agent does not answer, and no link without a budget carries ${SYSTEM_CLASS}` }
    : { localAddress }
}
