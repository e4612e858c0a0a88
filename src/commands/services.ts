// Commands that are a service of the box and need none of the others. Those that people give, with the shapes of all answers, take 85 ms of a processor to
// load: of an agent's start 30 of 560, for it needs some of that anyway, of the helper's 40 of 150, and of its memory 17 of 84 MB. These do without.
import { agent } from './agent.ts'
import type { Command } from './command.ts'
import { host } from './host.ts'
import { scorer } from './scorer.ts'
import { updater } from './updater.ts'

export const SERVICES: readonly Command[] = [agent, host, scorer, updater]
