// What the form of a notifier asks for, by its kind.
import { keptKey } from '../../entry-form/draft.ts'
import type { EntrySpec, FieldSpec, Values } from '../../entry-form/spec.ts'
import type { Entry } from '../../settings-text/entries.ts'

export const NOTIFIER_KINDS = ['webhook', 'mail', 'mqtt'] as const
export type NotifierKind = (typeof NOTIFIER_KINDS)[number]

export const kindOf = (entry: Entry): NotifierKind => NOTIFIER_KINDS.find((it) => entry[it] !== undefined) ?? 'webhook'

const of = (values: Values, key: string) => (values[key] ?? '').trim()
const isNone = (values: Values, key: string) => of(values, key) === '' && values[keptKey(key)] !== 'true'
const isPlainBroker = (values: Values) => of(values, 'mqtt.url').startsWith('mqtt:')

const EVENTS: readonly FieldSpec[] = [
  { key: 'on.rules', label: 'notify.rules', kind: 'rules', hint: 'notify.rulesHint' },
  { key: 'on.tags', label: 'tags', kind: 'list', hint: 'notify.tagsHint' },
  { key: 'on.classes', label: 'notify.classes', kind: 'classes', hint: 'notify.classesHint' },
]
const WHEN: readonly FieldSpec[] = [
  { key: 'language', label: 'notify.language', kind: 'select', choices: ['', 'en', 'de'], otherwise: 'en' },
  { key: 'limit.perHour', label: 'notify.perHour', kind: 'number', otherwise: '20', isMore: true },
  {
    key: 'repeatAfter',
    label: 'notify.repeatAfter',
    kind: 'text',
    hint: 'notify.repeatAfterHint',
    otherwise: '0s',
    isMore: true,
  },
  { key: 'staleAfter', label: 'notify.staleAfter', kind: 'text', hint: 'notify.staleAfterHint', otherwise: '1h', isMore: true },
  { key: 'on.severity', label: 'notify.severity', kind: 'number', hint: 'notify.severityHint', isMore: true },
]
const insecure = (key: string): FieldSpec => ({
  key: `${key}.insecure`,
  label: 'form.insecure',
  kind: 'text',
  hint: 'form.insecureHint',
  isMore: true,
})
const ca = (key: string, isOut: (values: Values) => boolean): FieldSpec => ({
  key,
  label: 'form.ca',
  kind: 'pem',
  hint: 'notify.caHint',
  isMore: true,
  isOut,
})

const TARGETS: Readonly<Record<NotifierKind, readonly FieldSpec[]>> = {
  webhook: [
    { key: 'webhook.url', label: 'notify.address', kind: 'address', hint: 'notify.addressHint' },
    { key: 'webhook.token', label: 'notify.token', kind: 'secret' },
    ca('webhook.ca', (values) => of(values, 'webhook.url').startsWith('http:')),
    insecure('webhook'),
  ],
  mail: [
    { key: 'mail.host', label: 'notify.mailHost', kind: 'text' },
    {
      key: 'mail.tls',
      label: 'notify.mailTls',
      kind: 'select',
      choices: ['', 'implicit', 'starttls', 'none'],
      otherwise: 'implicit',
    },
    { key: 'mail.port', label: 'form.port', kind: 'number', hint: 'notify.mailPortHint' },
    { key: 'mail.user', label: 'form.user', kind: 'text' },
    { key: 'mail.password', label: 'form.password', kind: 'secret', isOut: (values) => isNone(values, 'mail.user') },
    { key: 'mail.from', label: 'notify.from', kind: 'text' },
    { key: 'mail.to', label: 'notify.to', kind: 'list', hint: 'notify.toHint' },
    ca('mail.ca', (values) => of(values, 'mail.tls') === 'none'),
    insecure('mail'),
  ],
  mqtt: [
    { key: 'mqtt.url', label: 'form.url', kind: 'text', hint: 'form.urlHint' },
    { key: 'mqtt.user', label: 'form.user', kind: 'text' },
    { key: 'mqtt.password', label: 'form.password', kind: 'secret', isOut: (values) => isNone(values, 'mqtt.user') },
    { key: 'mqtt.topic', label: 'form.topic', kind: 'text', otherwise: 'holdfast-notify/{device}' },
    { key: 'mqtt.retain', label: 'notify.retain', kind: 'check' },
    ca('mqtt.tls.ca', isPlainBroker),
    {
      key: 'mqtt.tls.serverName',
      label: 'form.serverName',
      kind: 'text',
      hint: 'form.serverNameHint',
      isMore: true,
      isOut: isPlainBroker,
    },
    { key: 'mqtt.tls.cert', label: 'form.cert', kind: 'pem', hint: 'form.certHint', isMore: true, isOut: isPlainBroker },
    {
      key: 'mqtt.tls.key',
      label: 'form.key',
      kind: 'secret-pem',
      isMore: true,
      isOut: (values) => isPlainBroker(values) || of(values, 'mqtt.tls.cert') === '',
    },
    { key: 'mqtt.version', label: 'form.version', kind: 'select', choices: ['', '3.1.1', '5'], otherwise: '5', isMore: true },
    insecure('mqtt'),
  ],
}

/** Where to, of which events, how often. */
export const notifierSpec = (kind: NotifierKind): EntrySpec => ({ fields: [...TARGETS[kind], ...EVENTS, ...WHEN] })
