// The menu: one line an item, two columns. An item is a file under items and a line here.
import type { Item, Session } from './parts.ts'
import { certificate } from './items/certificate.ts'
import { clock } from './items/clock.ts'
import { diagnosticsBundle } from './items/diagnostics.ts'
import { liveLogs } from './items/logs.ts'
import { network } from './items/network.ts'
import { power } from './items/power.ts'
import { probe } from './items/probe.ts'
import { resetPassword } from './items/reset.ts'
import { sourceTest } from './items/sources.ts'
import { statusAndIssues } from './items/status.ts'
import { takeAlong } from './items/take-along.ts'
import { factoryReset } from './items/factory-reset.ts'
import { bootOtherSlot, update } from './items/update.ts'
import { uplinkTest } from './items/uplinks.ts'
import { webAccess } from './items/web-access.ts'

export const ITEMS: readonly Item[] = [
  statusAndIssues,
  network,
  uplinkTest,
  sourceTest,
  webAccess,
  resetPassword,
  clock,
  probe,
  liveLogs,
  diagnosticsBundle,
  update,
  bootOtherSlot,
  takeAlong,
  power,
  factoryReset,
  certificate,
]

const COLUMN = 38

export function menuLines(session: Session): string[] {
  const texts = ITEMS.map(
    (it) => `${String(it.number).padStart(2)}) ${it.title}${it.missing?.(session) === undefined ? '' : ' -'}`,
  )
  const half = Math.ceil((texts.length + 1) / 2)
  const left = texts.slice(0, half)
  const right = [...texts.slice(half), ' 0) Log out']
  return left.map((it, at) => ` ${it.padEnd(COLUMN)}${right[at] ?? ''}`.trimEnd())
}
