// Commands that are a service of the box and need none of the others. What people ask for, with the shapes of all answers, takes 85 ms of a processor to
// load (of an agent's start 30 of 560, for it needs some of that anyway; of the helper's and the updater's most): for these it is not.
import { agent } from './agent.ts'
import type { Command } from './command.ts'
import { host } from './host.ts'
import { scorer } from './scorer.ts'
import { updater } from './updater.ts'

export const SERVICES: readonly Command[] = [agent, host, scorer, updater]
