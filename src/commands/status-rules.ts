// What `status` shows of the rules.
import type { RulesReport } from '../core/rule.ts'
import { ago, shortCount, table } from './text.ts'

/** One row a rule; how far behind they are above. */
export function ruleTable({ rules, lagReadings, missed }: RulesReport, now: number): string[] {
  const right = (title: string) => ({ title, align: 'right' as const })
  const rows = rules.map((it) => [
    it.name,
    shortCount(it.events),
    ago(it.lastEvent, now),
    shortCount(it.late),
    shortCount(it.errors),
  ])
  const lag = lagReadings === null ? 'rules are being started' : `rules ${shortCount(lagReadings)} readings behind`
  const columns = [{ title: 'RULE', widthMax: 32 }, right('EVENTS'), { title: 'LAST' }, right('LATE'), right('ERRORS')]
  return [missed > 0 ? `${lag}, ${shortCount(missed)} missed` : lag, ...table(columns, rows)]
}
