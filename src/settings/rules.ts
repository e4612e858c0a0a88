// Rules in the settings (core/rule.ts). The expression's language is handed in.
import { z } from 'zod'
import { RAISE_MS_MAX, RULES_MAX } from '../core/bounds.ts'
import type { RuleSettings, RuleWindow } from '../core/rule.ts'
import type { Found } from './found.ts'
import { listOf, mapOf } from './found.ts'

/** What is wrong with an expression, in one line; undefined: nothing. */
export type ExpressionProblem = (when: string, hasWindow: boolean) => string | undefined

export interface RuleSchemaParts {
  readonly name: z.ZodType<string>
  /** Least and most in ms, and what is said of them. */
  readonly duration: (minMs: number, maxMs: number, range: string) => z.ZodType<number, string>
}

const DAY_MS = 86_400_000
const KINDS = ['tumbling', 'sliding', 'session'] as const
const TAG_ALLOWED = 'must be a tag, in it * stands for any characters, or a list of tags'

export function ruleSchema({ name, duration }: RuleSchemaParts) {
  const tag = z.string({ error: TAG_ALLOWED }).min(1).max(512)
  const tags = z.union([tag.transform((it) => [it]), z.array(tag).min(1).max(1_000)], { error: TAG_ALLOWED })
  const reads = z
    .strictObject({ tags: tags.optional(), classes: z.array(name).min(1).optional() })
    .refine((it) => it.tags !== undefined || it.classes !== undefined, { error: 'must have tags, classes or both' })
  const length = duration(1, 31 * DAY_MS, 'from 1ms to 31d').optional()
  const window = z
    .strictObject({
      tumbling: length,
      sliding: length,
      session: length,
      grace: duration(0, DAY_MS, 'at most 1d').prefault('0s'),
    })
    .transform((it, context): RuleWindow => {
      const given = KINDS.filter((kind) => it[kind] !== undefined)
      const [kind = 'tumbling'] = given
      if (given.length !== 1)
        context.addIssue({ code: 'custom', message: `must have one of the keys ${KINDS.join(', ')}`, input: {} })
      return { kind, lengthMs: it[kind] ?? 0, graceMs: it.grace }
    })
  const around = duration(0, RAISE_MS_MAX, 'at most 1h').prefault('5m')
  const raise = z.strictObject({ before: around, after: around }).transform((it) => ({ beforeMs: it.before, afterMs: it.after }))
  return z.strictObject({
    name,
    reads,
    window: window.optional(),
    when: z.string().min(1),
    yields: z.strictObject({ class: name, on: z.enum(['each', 'rise']).default('each'), raise: raise.optional() }),
  })
}

export function rulesSchema(rule: ReturnType<typeof ruleSchema>) {
  return z.array(rule).max(RULES_MAX).default([]) satisfies z.ZodType<readonly RuleSettings[]>
}

/** What is wrong with expressions, as they stand: whatever else is wrong with their rules. */
export function expressionChecks(file: Readonly<Record<string, unknown>>, problemOf: ExpressionProblem): Found[] {
  return listOf(file.rules).flatMap((it, index) => {
    const { name, when, window } = mapOf(it)
    const problem = typeof when === 'string' && when !== '' ? problemOf(when, window !== undefined) : undefined
    return problem === undefined ? [] : [{ path: ['rules', index, 'when'], text: `rule "${String(name)}": ${problem}` }]
  })
}
