// What `status` shows of the notifiers.
import type { NotifyReport } from '../core/notify.ts'
import { ago, shortCount, table } from './text.ts'

export function notifyTable(reports: readonly NotifyReport[], now: number): string[] {
  const right = (title: string) => ({ title, align: 'right' as const })
  const rows = reports.map((it) => [
    it.name,
    it.kind,
    it.state,
    shortCount(it.sent),
    shortCount(it.heldBack),
    ago(it.lastSent, now),
  ])
  const columns = [
    { title: 'NOTIFIER', widthMax: 24 },
    { title: 'BY' },
    { title: 'STATE' },
    right('TOLD'),
    right('HELD BACK'),
    { title: 'LAST' },
  ]
  return table(columns, rows)
}
