// What a verb of the root helper is made of.
import type { z } from 'zod'
import type { HostVerb } from '../../core/host.ts'
import type { Network } from './network/change.ts'
import type { Verb } from '../verb.ts'
import type { Programs } from './programs.ts'

/** What verbs work with; made once, by the root. */
export interface HostParts {
  readonly programs: Programs
  readonly network: Network
  readonly places: HostPlaces
  /** Throws BadInput that names every problem. */
  checkSettings(text: string): Promise<void>
  /** Whether an agent has the data directory. */
  agentRuns(): Promise<boolean>
  /** Whether the next start may run another version: one is being written, or has not shown yet that it is well. */
  isUpdating(): Promise<boolean>
}

export interface HostPlaces {
  /** Where systemd-networkd reads files that outlast a boot. */
  readonly network: string
  /** Drop-ins of systemd-timesyncd. */
  readonly time: string
  /** Of systemd-timesyncd: the time that the system's clock goes forward to at a start. */
  readonly keptTime: string
  /** Where a stick is mounted. */
  readonly stick: string
  /** Taken for the stick whatever is plugged in: a box whose port is a fixed one. */
  readonly stickDevice?: string | undefined
  readonly settings: string
  /** Where a start looks whether it is to erase the box first. */
  readonly reset: string
}

/** Keeps the type of the input together with what runs. */
export function verb<In extends z.ZodType>(it: {
  readonly name: HostVerb
  readonly input: In
  isOffered?(host: HostParts): boolean
  run(input: z.output<In>, host: HostParts): Promise<unknown>
}): Verb<HostParts> {
  return { isOffered: () => true, ...it } as Verb<HostParts>
}
