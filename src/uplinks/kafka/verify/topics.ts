// Which topics of a cluster are read, and as what: names, or templates whose {class} and {site} may be anything.
import type { PartitionReader, PartitionSpan } from '../../../clients/kafka/fetch.ts'
import type { Form } from '../../../core/stream.ts'

export type TopicRole = 'telemetry' | 'aggregates' | 'blocks' | 'events' | 'gaps'

/** Where records of a form may be. */
export const ROLES_OF = {
  raw: ['telemetry', 'blocks'],
  aggregate: ['aggregates', 'blocks'],
  gap: ['gaps'],
  event: ['events'],
} as const satisfies Record<Form, readonly TopicRole[]>

export interface PartitionPlace {
  readonly topic: string
  readonly partition: number
  readonly role: TopicRole
  /** Where its log starts: what was before is deleted. */
  readonly start: number
}

export type TopicNames = Partial<Readonly<Record<TopicRole, string | readonly string[]>>>

export interface RoleSpan extends PartitionSpan {
  readonly role: TopicRole
}

const DEFAULT_TOPICS = {
  telemetry: 'holdfast.telemetry.v1',
  aggregates: 'holdfast.aggregates.v1',
  events: 'holdfast.events.v1',
  gaps: 'holdfast.gaps.v1',
  blocks: 'holdfast.blocks.v1',
} as const satisfies TopicNames
/** A checkpoint must not speak of records behind the ends that we read to: the ends of the events are asked for first. */
const ROLES: readonly TopicRole[] = ['events', 'telemetry', 'aggregates', 'blocks', 'gaps']
const ANYTHING = '[a-zA-Z0-9._-]+?'

/** `prefix` stands before every name: what a mirror puts there. */
export async function spansOf(
  reader: PartitionReader,
  there: readonly string[],
  topics: TopicNames = {},
  prefix = '',
): Promise<{ readonly spans: RoleSpan[]; readonly absent: string[] }> {
  const templates = ROLES.flatMap((role) =>
    [topics[role] ?? DEFAULT_TOPICS[role]].flat().map((it) => ({ role, template: `${prefix}${it}` })),
  )
  // Whoever is called by name is no class's.
  const taken = new Set(templates.flatMap((it) => (isOpen(it.template) ? [] : [it.template])))
  const spans: RoleSpan[] = []
  const absent: string[] = []
  for (const { role, template } of templates) {
    const names = isOpen(template) ? topicsLike(template, there).filter((it) => !taken.has(it)) : [template]
    const found = await Promise.all(names.map((it) => reader.spans(it)))
    for (const it of names) taken.add(it)
    spans.push(...found.flatMap((it) => it ?? []).map((it) => ({ ...it, role })))
    // Few send blocks: nobody expects that topic.
    const isExpected = role !== 'blocks' || topics.blocks !== undefined
    if (isExpected && found.every((it) => it === undefined)) absent.push(template)
  }
  return { spans, absent }
}

const isOpen = (template: string) => /\{class\}|\{site\}/.test(template)

/** The name itself, or those of `there` that a template may have made. */
export function topicsLike(template: string, there: readonly string[]): readonly string[] {
  if (!isOpen(template)) return [template]
  const parts = template.split(/\{class\}|\{site\}/).map((it) => it.replaceAll('.', '\\.'))
  const pattern = new RegExp(`^${parts.join(ANYTHING)}$`)
  return there.filter((it) => pattern.test(it)).toSorted()
}
