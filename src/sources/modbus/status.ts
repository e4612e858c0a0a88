// What a source with one or several units says of itself.
import type { SourceStatus } from '../../core/source.ts'
import type { Unit } from './unit.ts'

const UNITS_NAMED_MAX = 12

export function statusOf(units: readonly Unit[], notes: Readonly<Record<string, number>>): SourceStatus {
  const [only] = units
  const noted = Object.keys(notes).length > 0 ? { notes: { ...notes } } : {}
  if (only && units.length === 1) return { ...only.status(), ...noted }
  const all = units.map((it) => it.status())
  return { ...togetherOf(units, all), details: detailsOf(units, all), ...noted }
}

function togetherOf(units: readonly Unit[], all: readonly SourceStatus[]): SourceStatus {
  const states = new Set(all.map((it) => it.state))
  if (states.has('stopped')) return { state: 'stopped' }
  const down = all.findIndex((it) => it.state === 'down')
  if (down < 0) return all.find((it) => it.code !== undefined) ?? { state: states.has('up') ? 'up' : 'starting' }
  const first = all[down] as SourceStatus
  if (!states.has('up')) return { ...first, state: states.has('starting') ? 'starting' : 'down' }
  const away = numbersOf(units, all, 'down')
  const text = `${away.split(' ').length} of ${units.length} units do not answer: ${shortened(away)}`
  const { remedy } = first
  return { state: 'up', code: 'units-down', lastError: `${text}; ${first.lastError}`, ...(remedy ? { remedy } : {}) }
}

function numbersOf(units: readonly Unit[], all: readonly SourceStatus[], state: SourceStatus['state']): string {
  return units
    .filter((_, n) => all[n]?.state === state)
    .map((it) => it.number)
    .join(' ')
}

function detailsOf(units: readonly Unit[], all: readonly SourceStatus[]): Readonly<Record<string, string | number>> {
  const sum = (key: string) => all.reduce((total, it) => total + Number(it.details?.[key] ?? 0), 0)
  const { unit: _, ...shared } = all[0]?.details ?? {}
  const away = numbersOf(units, all, 'down')
  return {
    ...shared,
    units: units.length,
    unitsUp: all.filter((it) => it.state === 'up').length,
    ...(away === '' ? {} : { unitsDown: shortened(away) }),
    blocks: sum('blocks'),
    refusedTags: sum('refusedTags'),
  }
}

function shortened(numbers: string): string {
  const list = numbers.split(' ')
  return list.length > UNITS_NAMED_MAX ? `${list.slice(0, UNITS_NAMED_MAX).join(' ')} …` : numbers
}
