// Where a message goes: a template of the settings filled in. What a topic may not hold is replaced, never sent.
import type { Form } from '../../core/stream.ts'
import type { MqttUplinkSettings } from './settings.ts'

export interface Place {
  readonly device: string
  readonly site: string
  readonly class: string
  readonly tag: string
}

/** Wild cards, NUL and other control characters, and halves of characters. */
function cleaned(text: string): string {
  return text.toWellFormed().replace(/[+#\p{Cc}]/gu, '_')
}

const oneLevel = (text: string) => cleaned(text).replaceAll('/', '_')

/** Slashes of site and tag are levels; what is empty still has its level. */
export function topicOf(template: string, { device, site, class: name, tag }: Place): string {
  const parts = { device: oneLevel(device), site: cleaned(site), class: oneLevel(name), tag: cleaned(tag) }
  const topic = template.replace(/\{(device|site|class|tag)\}/g, (_, key: keyof typeof parts) => parts[key] || '_')
  // Topics that begin with $ are the broker's own.
  return topic.replace(/^\$/, '_')
}

export function templateOf(form: Form, { topics }: Pick<MqttUplinkSettings, 'topics'>): string {
  return { raw: topics.telemetry, aggregate: topics.aggregates, gap: topics.gaps, event: topics.events }[form]
}
