// `writes` of a source: which of its tags commands from the cloud may write, and within which limits. Of no protocol; what a protocol can write it says
// itself (schema.ts).
import { z } from 'zod'
import { WRITE_RULES_MAX } from '../core/bounds.ts'
import type { WriteRule } from '../core/cloud-command.ts'

const EVERY_MS = 1_000

/** `interval`: the schema of a duration, ms. */
export function writeRules(interval: z.ZodType<number>) {
  const rule = z
    .strictObject({
      tag: z.string().min(1).max(255),
      min: z.number().optional(),
      max: z.number().optional(),
      changeMax: z.number().positive().optional(),
      every: interval.optional(),
    })
    .transform(({ every = EVERY_MS, ...it }, context): WriteRule => {
      const wrong = whatIsWrong(it)
      if (wrong) context.addIssue({ code: 'custom', message: wrong.text, path: [wrong.key], input: it })
      return { ...it, everyMs: every }
    })
  return z
    .array(rule)
    .min(1)
    .max(WRITE_RULES_MAX)
    .superRefine((all, context) => {
      for (const [n, { tag }] of all.entries())
        if (all.findIndex((it) => it.tag === tag) < n)
          context.addIssue({ code: 'custom', path: [n, 'tag'], message: `"${tag}" is there twice`, input: tag })
    })
}

function whatIsWrong({ min, max, changeMax }: Omit<WriteRule, 'tag' | 'everyMs'>): { key: string; text: string } | undefined {
  if (min === undefined && max !== undefined) return { key: 'max', text: 'needs min beside it' }
  if (min !== undefined && max === undefined) return { key: 'min', text: 'needs max beside it' }
  if (min !== undefined && max !== undefined && min > max) return { key: 'min', text: 'must not be above max' }
  if (changeMax !== undefined && min === undefined)
    return { key: 'changeMax', text: 'is for numbers: min and max are needed too' }
  return undefined
}
