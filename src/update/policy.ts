// When an update may go on: pure, of what is known now.
import type { UpdateWait } from '../core/update.ts'
import type { Job } from './state.ts'

/** How things stand around the update. */
export interface Surroundings {
  /** Why no way out carries class system; undefined: one does. */
  readonly link: string | undefined
  /** Why the disk counts as short; undefined: it does not. */
  readonly space: string | undefined
  /** Of the settings: installing may begin now. */
  readonly isWindowOpen: boolean
}

/** What a bundle may come by: a person at the box has said so himself, and still pays for no link that he did not give. */
export function fetchWait({ link, space }: Surroundings): UpdateWait | null {
  if (link !== undefined) return { code: 'link', text: link }
  if (space !== undefined) return { code: 'space', text: space }
  return null
}

export function installWait(
  job: Pick<Job, 'how' | 'origin' | 'isAgreed' | 'isWindowOpen'>,
  around: Surroundings,
): UpdateWait | null {
  // What a person brought to the box writes slots and nothing else: it is the way out where the disk is lost.
  const isBrought = job.origin === 'stick' || job.origin === 'slot'
  if (around.space !== undefined && !isBrought) return { code: 'space', text: around.space }
  if (job.isAgreed) return null
  if (job.how === 'skip') return { code: 'agreement', text: 'the server wants it kept ready: update confirm installs it now' }
  if (!job.isWindowOpen) return { code: 'window', text: "the server's maintenance window is closed" }
  if (job.how === 'attempt' && !around.isWindowOpen)
    return { code: 'window', text: 'it waits for a window of update.windows; update confirm installs it now' }
  return null
}
