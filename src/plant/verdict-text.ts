// A verdict for a person.
import type { Counts, DeviceVerdict, PlantVerdict } from './verify.ts'

/** Devices listed one by one; the many of the load preset are summed up. */
const DEVICES_SHOWN_MAX = 10
const SIGNALS_SHOWN_MAX = 10

const COLUMNS = ['served', 'found', 'missing', 'doubled', 'wrong', 'repeated', 'bad', 'waiting', 'before', 'unbooked'] as const

/** Table, what is wrong signal by signal, and the verdict in a sentence each. */
export function verdictLines(verdict: PlantVerdict): string[] {
  const rows = rowsOf(verdict.devices).map(([name, counts]) => row(name, (it) => String(counts[it])))
  const head = row('device', (it) => it)
  return [head, ...rows, row('all', (it) => String(verdict[it])), '', ...troubles(verdict), ...sentences(verdict)]
}

function rowsOf(devices: readonly DeviceVerdict[]): [string, Counts][] {
  const groups = new Map<string, DeviceVerdict[]>()
  for (const device of devices) groups.set(device.protocol, [...(groups.get(device.protocol) ?? []), device])
  return [...groups].flatMap(([protocol, list]): [string, Counts][] => {
    if (list.length <= DEVICES_SHOWN_MAX) return list.map((it) => [it.name, it])
    const sum = Object.fromEntries(COLUMNS.map((name) => [name, list.reduce((all, it) => all + it[name], 0)]))
    return [[`${list.length} × ${protocol}`, sum as unknown as Counts]]
  })
}

function row(name: string, cell: (column: (typeof COLUMNS)[number]) => string): string {
  return name.padEnd(16) + COLUMNS.map((it) => cell(it).padStart(10)).join('')
}

function troubles({ devices }: PlantVerdict): string[] {
  const signals = devices.flatMap((device) => device.signals)
  const troubled = signals.filter((it) => it.missing > 0 || it.wrong > 0 || it.doubled > 0)
  const lines = troubled.slice(0, SIGNALS_SHOWN_MAX).map((it) => {
    const ranges = it.missingRanges.slice(0, 5).map(([from, to]) => (to - from === 1 ? `${from}` : `${from}–${to - 1}`))
    const missing =
      it.missing > 0 ? ` missing ${it.missing} (samples ${ranges.join(', ')}${it.missingRanges.length > 5 ? ', …' : ''})` : ''
    return `${it.tag}:${missing}${it.doubled > 0 ? ` doubled ${it.doubled}` : ''}${it.wrong > 0 ? ` wrong ${it.wrong}, first: ${it.firstWrong}` : ''}`
  })
  const more = troubled.length - lines.length
  return more > 0 ? [...lines, `and ${more} signals more`] : lines
}

function sentences(verdict: PlantVerdict): string[] {
  const { sequences, missing, beforeLog, ended, ok } = verdict
  const lines = [`sequences: ${sequences.unnamed} missing, ${sequences.named} named in gap records`]
  if (missing > 0) lines.push(`${missing} samples served and not found; ${beforeLog} of them lost before the log`)
  if (!ended) lines.push('the plant still runs or was killed: what it served in the last second is not judged')
  return [...lines, ok ? 'ok: what was accepted stands in the topics, once, with the value that was served' : 'NOT OK']
}
