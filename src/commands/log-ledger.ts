import { LEDGER_LINES_MAX } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import type { LedgerLine, LedgerRequest } from '../core/operator.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE } from './command.ts'
import { operation } from './operation.ts'
import { ledgerInput, ledgerLine } from './shapes/log.ts'
import { document, lines, shortCount, table } from './text.ts'
import { formatTime, nowMicros, parseTime } from './times.ts'

const LIMIT = 100

const ledger = operation({
  name: 'log ledger',
  access: 'viewer',
  summary: 'readings that were given up: which, when and why; the youngest first',
  input: ledgerInput,
  output: ledgerLine,
  many: true,
  run: (input, { agent, signal }) => agent.ledger(input, signal),
})

export const logLedger: Command = {
  name: 'log ledger',
  role: 'view',
  summary: ledger.summary,
  arguments: [],
  options: {
    class: { value: 'CLASS', summary: 'of this class only' },
    from: { value: 'TIME', summary: 'readings from then on: -10m, 2026-11-24T08:00:00Z, or ms or µs since 1970' },
    to: { value: 'TIME', summary: 'readings before then' },
    limit: { value: 'N', summary: `at most so many lines, ${LIMIT} where it is missing` },
  },
  operation: ledger,
  async run(context) {
    const seen: LedgerLine[] = []
    for await (const it of context.agent.ledger(requestOf(context), context.signal)) seen.push(it)
    if (context.json) await document(context, seen)
    else await lines(context.out, seen.length > 0 ? ledgerPage(seen) : ['nothing was given up'])
    return DONE
  },
}

function requestOf({ options }: CommandContext): LedgerRequest {
  const { class: name, from, to, limit = String(LIMIT) } = options
  const count = Number(limit)
  if (!Number.isInteger(count) || count < 1 || count > LEDGER_LINES_MAX)
    throw new BadInput([{ where: '--limit', text: `must be a whole number from 1 to ${LEDGER_LINES_MAX}` }])
  return {
    limit: count,
    ...(typeof name === 'string' && { class: name }),
    ...(typeof from === 'string' && { from: parseTime(from, '--from', nowMicros()) }),
    ...(typeof to === 'string' && { to: parseTime(to, '--to', nowMicros()) }),
  }
}

export function ledgerPage(seen: readonly LedgerLine[]): string[] {
  const columns = [
    { title: 'WRITTEN' },
    { title: 'CLASS', widthMax: 12 },
    { title: 'COUNT', align: 'right' },
    { title: 'ACTION' },
    { title: 'REASON', widthMax: 14 },
    { title: 'READINGS FROM' },
  ] as const
  return table(
    columns,
    seen.map((it) => [minute(it.at), it.class, shortCount(it.count), it.action, it.reason, minute(it.timeFrom)]),
  )
}

const minute = (time: number) => `${formatTime(time).slice(0, 16)}Z`
