// What the parts of a source need of its settings, whichever protocol it has. Apart from settings.ts: a thread that polls needs no schema.
import type { PlanLimits } from './plan.ts'
import type { TagLine } from './registers.ts'

export interface Polled extends PlanLimits {
  /** ms. */
  readonly every: number
  readonly tags: readonly TagLine[]
  readonly unit: number
  readonly units?: readonly number[] | undefined
}

export function unitNumbers({ unit, units }: Pick<Polled, 'unit' | 'units'>): readonly number[] {
  return units ?? [unit]
}
