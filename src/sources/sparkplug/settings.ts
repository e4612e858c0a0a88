// The settings of one Sparkplug source: its `sources:` entry without name and protocol. Read by processes that must stay small: zod and core only.
import { z } from 'zod'
import { brokerKeys, checkBroker } from '../../clients/mqtt/broker-settings.ts'

const TAG_LENGTH_MAX = 400
const PLACES = ['{group}', '{node}', '{device}', '{metric}']
const ID_ALLOWED = 'must be a name without /, + and #'
const id = z
  .string({ error: ID_ALLOWED })
  .min(1)
  .max(200)
  .regex(/^[^/+#]+$/, { error: ID_ALLOWED })

const tag = z
  .string()
  .min(1)
  .max(TAG_LENGTH_MAX)
  .superRefine((text, context) => {
    const problem = (message: string) => context.addIssue({ code: 'custom', message })
    for (const [whole] of text.matchAll(/\{[^}]*\}/g))
      if (!PLACES.includes(whole)) problem(`${whole} is none of ${PLACES.join(', ')}`)
    if (/[{}]/.test(text.replaceAll(/\{[^}]*\}/g, ''))) problem('a { or } stands alone')
    if (!text.includes('{metric}')) problem('{metric} is missing: all metrics would be one tag')
  })

const rule = z
  .strictObject({
    /** The metric's name, `*` for any characters; a member of a template stands behind its metric's name. */
    match: z.string().min(1).max(1_000),
    class: z.string().min(1).optional(),
    tag: tag.optional(),
    /** Not read at all. */
    skip: z.literal(true).optional(),
  })
  .refine((it) => it.skip === undefined || (it.class === undefined && it.tag === undefined), {
    error: 'what is skipped has no class and no tag',
    path: ['skip'],
  })

export const sparkplugSettings = z
  .strictObject({
    ...brokerKeys,
    /** By default all. */
    groups: z.array(id).default([]),
    /** Under this id the box tells edge nodes by STATE that it is there. Give each host its own. */
    host: id.optional(),
    /** Where a node's own metric has no device, `{device}/` is left out. */
    tag: tag.default('{group}/{node}/{device}/{metric}'),
    /** Of metrics that no rule gives another. Without it, what no rule names is not read. */
    class: z.string().min(1).optional(),
    /** The first that matches counts. */
    metrics: z.array(rule).default([]),
  })
  .superRefine((it, context) => {
    const problem = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    checkBroker(it, problem)
    if (it.class === undefined && !it.metrics.some((entry) => entry.class !== undefined))
      problem('class', 'nothing would be read: set class, or metrics with a class')
  })

export type SparkplugSettings = z.output<typeof sparkplugSettings>
