// What is wrong with the notifiers, for people.
import type { NotifyReport } from '../core/notify.ts'
import type { Issue } from '../core/status.ts'

/** One try that failed is nothing to show. */
const FAILURES_MIN = 3

/** Nothing brings them back: a day is enough to have seen it. The count stays. */
const MISSED_SHOWN_US = 86_400_000_000

/** `now`: microseconds. */
export function notifyIssues(reports: readonly NotifyReport[] | undefined, now: number): Issue[] {
  return (reports ?? []).flatMap(({ name, failures, lastError, remedy, missed, lastMissed }) => {
    const failing: Issue = {
      code: 'notify-failing',
      severity: 'warning',
      text: `Notifier ${name} cannot tell anybody: ${lastError ?? 'no reason known'}`,
      remedy: remedy ?? `holdfast notify test ${name}`,
      of: name,
    }
    const partly: Issue = {
      code: 'notify-partly',
      severity: 'warning',
      text: `Notifier ${name} does not reach all: ${lastError}`,
      remedy: remedy ?? `holdfast notify test ${name}`,
      of: name,
    }
    const lacking: Issue = {
      code: 'notify-missed',
      severity: 'warning',
      text: `Notifier ${name}: ${missed} readings of its classes went before it had read them`,
      remedy: 'The log had no room for what was delivered already: give it more, or mend what the notifier tells.',
      of: name,
    }
    const isPartly = failures === 0 && lastError !== undefined
    const isLacking = lastMissed !== null && now - lastMissed < MISSED_SHOWN_US
    return [...(failures >= FAILURES_MIN ? [failing] : []), ...(isPartly ? [partly] : []), ...(isLacking ? [lacking] : [])]
  })
}
