// Which topics of a cluster are read, and as what: names, or templates whose {class} and {site} may be anything.
import type { PartitionReader, PartitionSpan } from '../../../clients/kafka/fetch.ts'
import type { Form } from '../../../core/stream.ts'

export type TopicRole = 'telemetry' | 'aggregates' | 'events' | 'gaps'

export const ROLE_OF = { raw: 'telemetry', aggregate: 'aggregates', gap: 'gaps', event: 'events' } as const satisfies Record<
  Form,
  TopicRole
>
export const FORM_OF = { telemetry: 'raw', aggregates: 'aggregate', events: 'event', gaps: 'gap' } as const satisfies Record<
  TopicRole,
  Form
>

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
} as const satisfies TopicNames
/** A checkpoint must not speak of records behind the ends that we read to: the ends of the events are asked for first. */
const ROLES: readonly TopicRole[] = ['events', 'telemetry', 'aggregates', 'gaps']
const ANYTHING = '[a-zA-Z0-9._-]+?'

/** `prefix` stands before every name: what a mirror puts there. */
export async function spansOf(
  reader: PartitionReader,
  there: readonly string[],
  topics: TopicNames = {},
  prefix = '',
): Promise<{ readonly spans: RoleSpan[]; readonly absent: string[] }> {
  const spans: RoleSpan[] = []
  const absent: string[] = []
  const taken = new Set<string>()
  for (const role of ROLES) {
    for (const template of [topics[role] ?? DEFAULT_TOPICS[role]].flat()) {
      const names = namesOf(`${prefix}${template}`, there).filter((it) => !taken.has(it))
      const found = await Promise.all(names.map((it) => reader.spans(it)))
      for (const it of names) taken.add(it)
      spans.push(...found.flatMap((it) => it ?? []).map((it) => ({ ...it, role })))
      if (found.every((it) => it === undefined)) absent.push(`${prefix}${template}`)
    }
  }
  return { spans, absent }
}

function namesOf(template: string, there: readonly string[]): readonly string[] {
  if (!/\{class\}|\{site\}/.test(template)) return [template]
  const parts = template.split(/\{class\}|\{site\}/).map((it) => it.replaceAll('.', '\\.'))
  const pattern = new RegExp(`^${parts.join(ANYTHING)}$`)
  return there.filter((it) => pattern.test(it)).toSorted()
}
