// Notifiers in the settings (core/notify.ts): who is told of which events. What a kind owns is handed in.
import { z } from 'zod'
import { NOTIFIERS_MAX } from '../core/bounds.ts'
import type { NotifySettings } from '../core/notify.ts'
import { NOTIFY_LANGUAGES } from '../core/notify.ts'
import type { Found } from './found.ts'
import { listOf, mapOf } from './found.ts'
import type { RuleSchemaParts } from './rules.ts'

const DAY_MS = 86_400_000
const TAG_ALLOWED = 'must be a list of tags; in each * stands for any characters'
const SEVERITY_ALLOWED = 'must be from 1 to 1000: the least severity of OPC UA events'
const PER_HOUR_ALLOWED = 'must be from 1 to 3600 messages'

export type NotifyKinds = Readonly<Record<string, z.ZodType>>

export function notifySchema(kinds: NotifyKinds, { name, duration }: RuleSchemaParts) {
  const names = Object.keys(kinds)
  const own = Object.fromEntries(names.map((it) => [it, (kinds[it] as z.ZodType).optional()]))
  const tags = z.array(z.string().min(1).max(512), { error: TAG_ALLOWED }).min(1).max(100)
  const on = z
    .strictObject({
      rules: z.array(name).min(1).optional(),
      tags: tags.optional(),
      classes: z.array(name).min(1).optional(),
      severity: z
        .int({ error: SEVERITY_ALLOWED })
        .min(1, { error: SEVERITY_ALLOWED })
        .max(1_000, { error: SEVERITY_ALLOWED })
        .optional(),
    })
    .refine((it) => it.tags === undefined || it.classes !== undefined, {
      error: 'must be there beside tags: the classes in which they are looked for',
      path: ['classes'],
    })
  const perHour = z.int({ error: PER_HOUR_ALLOWED }).min(1, { error: PER_HOUR_ALLOWED }).max(3_600, { error: PER_HOUR_ALLOWED })
  const entry = z
    .strictObject({
      name,
      on: on.prefault({}),
      ...own,
      limit: z.strictObject({ perHour: perHour.default(20) }).prefault({}),
      repeatAfter: duration(0, 31 * DAY_MS, 'at most 31d').prefault('0s'),
      staleAfter: duration(60_000, 31 * DAY_MS, 'from 1m to 31d').prefault('1h'),
      language: z.enum(NOTIFY_LANGUAGES).default('en'),
    })
    .transform((it, context): NotifySettings => {
      const values = it as typeof it & Record<string, unknown>
      const present = names.filter((kind) => values[kind] !== undefined)
      if (present.length !== 1)
        context.addIssue({ code: 'custom', message: `must have one of the keys ${names.join(', ')}`, input: {} })
      const [kind = ''] = present
      const { severity, ...what } = it.on
      return {
        name: it.name,
        on: { ...what, ...(severity !== undefined && { severityMin: severity }) },
        kind,
        settings: values[kind],
        perHourMax: it.limit.perHour,
        repeatAfterMs: it.repeatAfter,
        staleAfterMs: it.staleAfter,
        language: it.language,
      }
    })
  return z.array(entry).max(NOTIFIERS_MAX).default([])
}

/** Names that are there and still would never meet. */
export function notifyChecks(file: Readonly<Record<string, unknown>>): Found[] {
  const rules = listOf(file.rules).map(mapOf)
  return listOf(file.notify).flatMap((it, at) => {
    const on = mapOf(mapOf(it).on)
    const classes = on.classes === undefined ? undefined : listOf(on.classes)
    if (classes === undefined && rules.length === 0)
      return [
        { path: ['notify', at], text: 'nothing would ever be told: there are no rules; write rules, or on: { tags, classes }' },
      ]
    return listOf(on.rules).flatMap((name, n) => {
      const rule = rules.find((one) => one.name === name)
      const yielded = mapOf(rule?.yields).class
      if (!rule || classes === undefined || classes.includes(yielded)) return []
      return [
        {
          path: ['notify', at, 'on', 'rules', n],
          text: `the events of rule "${String(name)}" are of class "${String(yielded)}", which on.classes leaves out`,
        },
      ]
    })
  })
}
