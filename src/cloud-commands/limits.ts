// Whether a value may be written: the one place that says so. Pure.
import type { CommandAnswer, WriteRule } from '../core/cloud-command.ts'
import type { SourceSettings } from '../core/settings.ts'
import type { Value } from '../core/reading.ts'

export interface Allowed {
  readonly source: string
  readonly rule: WriteRule
}

/** Which source, and by which rule. */
export function ruleFor(sources: readonly SourceSettings[], tag: string, source: string | undefined): Allowed | CommandAnswer {
  const found = sources.flatMap((it) =>
    source === undefined || it.name === source
      ? (it.writes ?? []).filter((rule) => rule.tag === tag).map((rule) => ({ source: it.name, rule }))
      : [],
  )
  const [only] = found
  if (!only) return no({ code: 'write-not-allowed', reason: `the settings of this box do not allow that ${tag} is written` })
  if (found.length === 1) return only
  return no({
    code: 'write-not-allowed',
    reason: `${tag} is a tag of several sources (${found.map((it) => it.source).join(', ')}): say which`,
  })
}

/** Before anything is asked of the far end. `lastAt`: when the tag was written last. */
export function refusedValue(
  { rule }: Allowed,
  value: Value,
  now: number,
  lastAt: number | undefined,
): CommandAnswer | undefined {
  const sinceMs = lastAt === undefined ? Infinity : Math.abs(now - lastAt) / 1000
  if (sinceMs < rule.everyMs)
    return no({
      code: 'write-too-often',
      reason: `${rule.tag} was written ${Math.round(sinceMs)} ms ago: once in ${rule.everyMs} ms is allowed`,
    })
  return typeof value === 'number' || typeof value === 'bigint' ? outOfRange(rule, value) : undefined
}

/** As the far end has it and would have it: what was rounded to fit must be within the limits too. */
export function refusedChange({ rule }: Allowed, from: Value, to: Value): CommandAnswer | undefined {
  if (typeof to !== 'number' && typeof to !== 'bigint') return undefined
  const change = Math.abs(Number(to) - Number(from))
  // Where there is no number now, nobody can say how far it goes.
  if (rule.changeMax !== undefined && !(change <= rule.changeMax))
    return no({ code: 'write-out-of-limits', reason: `from ${from} to ${to} is more than ${rule.changeMax} at once` })
  return outOfRange(rule, to)
}

function outOfRange({ tag, min, max }: WriteRule, value: number | bigint): CommandAnswer | undefined {
  if (min === undefined || max === undefined)
    return no({ code: 'write-out-of-limits', reason: `${tag} is a number, and the settings give it no min and max` })
  const isWithin = Number(value) >= min && Number(value) <= max
  return isWithin ? undefined : no({ code: 'write-out-of-limits', reason: `${value} is not from ${min} to ${max}` })
}

function no(why: Required<Pick<CommandAnswer, 'code' | 'reason'>>): CommandAnswer {
  return { result: 'refused', ...why }
}
