// `report` of a source: which of its readings need not be reported. Of no protocol: all of them have it.
import { z } from 'zod'
import type { ReportRule } from '../core/report-rule.ts'
import { parsePercent } from '../core/units.ts'

const BAND_ALLOWED = 'must be a number, or a share of the range as 2%'
const band = z.union([z.number().nonnegative(), z.string().regex(/^\d{1,3}(\.\d{1,6})?%$/, { error: BAND_ALLOWED })], {
  error: BAND_ALLOWED,
})

const RANGE_ALLOWED = 'must be two numbers, the lower one first, as [0, 100]'
const range = z
  .tuple([z.number(), z.number()], { error: RANGE_ALLOWED })
  .refine(([from, to]) => from < to, { error: RANGE_ALLOWED })

/** `interval`: the schema of a duration, ms. */
export function reportRules(interval: z.ZodType<number>) {
  const rule = z
    .strictObject({
      tags: z.string().min(1).max(4_096).default('*'),
      deadband: band.optional(),
      range: range.optional(),
      swingingDoor: band.optional(),
      atMost: interval.optional(),
      atLeast: interval.optional(),
    })
    .transform((it, context): ReportRule => {
      const wrong = whatIsWrong(it)
      if (wrong) context.addIssue({ code: 'custom', message: wrong.text, path: [wrong.key], input: it })
      return {
        tags: it.tags,
        ...(it.deadband !== undefined && { deadband: absolute(it.deadband, it.range) }),
        ...(it.swingingDoor !== undefined && { swingingDoor: absolute(it.swingingDoor, it.range) }),
        ...(it.atMost !== undefined && { atMostMs: it.atMost }),
        ...(it.atLeast !== undefined && { atLeastMs: it.atLeast }),
      }
    })
  return z.array(rule).min(1)
}

interface Given {
  readonly deadband?: number | string | undefined
  readonly range?: readonly [number, number] | undefined
  readonly swingingDoor?: number | string | undefined
  readonly atMost?: number | undefined
  readonly atLeast?: number | undefined
}

function whatIsWrong({ deadband, range, swingingDoor, atMost, atLeast }: Given): { key: string; text: string } | undefined {
  const shared = (['deadband', 'swingingDoor'] as const).find((key) => typeof { deadband, swingingDoor }[key] === 'string')
  if (shared && !range) return { key: shared, text: `a share needs the range that it is of: range: [0, 100]` }
  if (range && !shared) return { key: 'range', text: 'is for a deadband or swingingDoor in %: there is none' }
  if (deadband !== undefined && swingingDoor !== undefined)
    return { key: 'swingingDoor', text: 'takes the place of deadband: a rule has one of them' }
  if (swingingDoor !== undefined && atMost !== undefined)
    return {
      key: 'atMost',
      text: 'does not go with swingingDoor: what it leaves out would not be near the line between two reports',
    }
  const withholds = deadband !== undefined || swingingDoor !== undefined
  if (atLeast !== undefined && !withholds)
    return { key: 'atLeast', text: 'is for a rule with deadband or swingingDoor (deadband: 0 reports what changes)' }
  if (atMost !== undefined && atLeast !== undefined && atMost > atLeast)
    return { key: 'atLeast', text: 'must not be shorter than atMost' }
  return undefined
}

/** 0 where the range is missing: that is a problem of its own. */
function absolute(given: number | string, [from, to]: readonly [number, number] = [0, 0]): number {
  return typeof given === 'number' ? given : (parsePercent(given) ?? 0) * (to - from)
}
