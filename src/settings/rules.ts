// Rules in the settings (core/rule.ts). The expression's language is handed in.
import { z } from 'zod'
import { MODEL_FIGURES_MAX, MODEL_MS_MAX, MODELS_MAX, RULE_OUTPUTS_MAX, RAISE_MS_MAX, RULES_MAX } from '../core/bounds.ts'
import type { RuleSettings, RuleWindow } from '../core/rule.ts'
import type { Found } from './found.ts'
import { listOf, mapOf } from './found.ts'

/** What an expression may name. */
export interface ExpressionSees {
  readonly hasWindow: boolean
  /** Outputs of the rule's model. */
  readonly model?: readonly string[] | undefined
}

/** What is wrong with an expression that has to yield this, in one line; undefined: nothing. */
export type ExpressionProblem = (text: string, sees: ExpressionSees, yields: 'truth' | 'number') => string | undefined

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
    model: modelSchema(duration(1, MODEL_MS_MAX, 'from 1ms to 10s').prefault('1s')).optional(),
    when: z.string().min(1),
    yields: z.strictObject({ class: name, on: z.enum(['each', 'rise']).default('each'), raise: raise.optional() }),
  })
}

const FIGURE_ALLOWED = 'must be a name of letters and digits'

function modelSchema(timeout: z.ZodType<number>) {
  const figure = z.string().regex(/^[A-Za-z_]\w{0,63}$/, { error: FIGURE_ALLOWED })
  const some = <K extends z.ZodType<string, string>, T extends z.ZodType>(key: K, of: T, most: number) =>
    z.record(key, of).refine((it) => Object.keys(it).length > 0 && Object.keys(it).length <= most, {
      error: `must have from 1 to ${most} entries`,
    })
  // Beside them an event says which model it was.
  const outputs = some(figure, figure, RULE_OUTPUTS_MAX).refine((it) => !['name', 'version', 'sha256'].some((key) => key in it), {
    error: 'must not have name, version or sha256: events say by these which model it was',
  })
  return z
    .strictObject({
      name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, { error: 'must be the name of a model, as models list shows it' }),
      inputs: some(figure, z.string().min(1), MODEL_FIGURES_MAX),
      outputs: outputs.prefault({ score: 'score' }),
      timeout,
    })
    .transform(({ timeout: timeoutMs, ...it }) => ({ ...it, timeoutMs }))
}

export function rulesSchema(rule: ReturnType<typeof ruleSchema>) {
  return z.array(rule).max(RULES_MAX).default([]) satisfies z.ZodType<readonly RuleSettings[]>
}

/** What is wrong with expressions, as they stand: whatever else is wrong with their rules. */
export function expressionChecks(file: Readonly<Record<string, unknown>>, problemOf: ExpressionProblem): Found[] {
  return listOf(file.rules).flatMap((it, index) => {
    const { name, when, window, model } = mapOf(it)
    const hasWindow = window !== undefined
    const { inputs, outputs = { score: 'score' } } = mapOf(model)
    const found = (path: Found['path'], text: unknown, sees: ExpressionSees, yields: 'truth' | 'number'): Found[] => {
      const problem = typeof text === 'string' && text !== '' ? problemOf(text, sees, yields) : undefined
      return problem === undefined ? [] : [{ path: ['rules', index, ...path], text: `rule "${String(name)}": ${problem}` }]
    }
    return [
      ...Object.entries(mapOf(inputs)).flatMap(([input, text]) =>
        found(['model', 'inputs', input], text, { hasWindow }, 'number'),
      ),
      ...found(['when'], when, { hasWindow, ...(model !== undefined && { model: Object.keys(mapOf(outputs)) }) }, 'truth'),
    ]
  })
}

/** Rules whose models nobody could have signed, and more of them than there may be processes. */
export function modelChecks(file: Readonly<Record<string, unknown>>): Found[] {
  const named = listOf(file.rules).flatMap((it, index) => {
    const { model } = mapOf(it)
    return model === undefined ? [] : [{ name: mapOf(model).name, path: ['rules', index, 'model'] as const }]
  })
  const names = [...new Set(named.map((it) => it.name))]
  const unkeyed = 'models.keys must name whose models run here'
  return named.flatMap(({ name, path }) => {
    if (file.models === undefined) return [{ path, text: unkeyed }]
    return names.indexOf(name) < MODELS_MAX ? [] : [{ path, text: `rules may name at most ${MODELS_MAX} models` }]
  })
}
