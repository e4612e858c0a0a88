// What the form of each protocol asks for: keys as the settings have them. Everything else can be set in the text of the settings.
import type { EntrySpec, FieldSpec, Values } from '../../entry-form/spec.ts'

const every: FieldSpec = { key: 'every', label: 'form.every', kind: 'text', hint: 'form.everyHint' }
const insecure: FieldSpec = { key: 'insecure', label: 'form.insecure', kind: 'text', hint: 'form.insecureHint' }
const unit: FieldSpec = { key: 'unit', label: 'form.unit', kind: 'number', otherwise: '1' }
const timeout: FieldSpec = { key: 'timeout', label: 'form.timeout', kind: 'text', otherwise: '1s', isMore: true }
const blocks: readonly FieldSpec[] = [
  { key: 'maxGap', label: 'form.maxGap', kind: 'number', otherwise: '8', isMore: true },
  { key: 'blockMax', label: 'form.blockMax', kind: 'number', otherwise: '125', isMore: true },
]
const REGISTER_TYPES = ['bool', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64', 'bcd16', 'bcd32']

const registers: NonNullable<EntrySpec['lines']> = {
  key: 'tags',
  isOnlyFirst: true,
  hint: 'form.registersHint',
  first: (name) => ({ tag: `${name}/value`, register: 'holding:0', type: 'uint16', class: '' }),
  columns: [
    { key: 'tag', label: 'tag', kind: 'text', example: 'hall-1/press-3/temperature' },
    { key: 'register', label: 'form.register', kind: 'text', example: 'holding:100' },
    { key: 'type', label: 'form.type', kind: 'select', choices: REGISTER_TYPES },
    { key: 'unit', label: 'form.unitOfValue', kind: 'text', example: '°C' },
    { key: 'class', label: 'class', kind: 'class' },
  ],
}

const isPlain = (values: Values) => (values['url'] ?? '').trim().startsWith('mqtt:')
const broker: readonly FieldSpec[] = [
  { key: 'url', label: 'form.url', kind: 'text', hint: 'form.urlHint' },
  { key: 'user', label: 'form.user', kind: 'text' },
  { key: 'password', label: 'form.password', kind: 'secret' },
  insecure,
]
const brokerMore: readonly FieldSpec[] = [
  { key: 'tls.ca', label: 'form.ca', kind: 'pem', hint: 'form.caHint', isMore: true, isOut: isPlain },
  { key: 'tls.serverName', label: 'form.serverName', kind: 'text', hint: 'form.serverNameHint', isMore: true, isOut: isPlain },
  { key: 'tls.cert', label: 'form.cert', kind: 'pem', hint: 'form.certHint', isMore: true, isOut: isPlain },
  {
    key: 'tls.key',
    label: 'form.key',
    kind: 'secret-pem',
    isMore: true,
    isOut: (values) => isPlain(values) || (values['tls.cert'] ?? '').trim() === '',
  },
  { key: 'version', label: 'form.version', kind: 'select', choices: ['', '3.1.1', '5'], otherwise: '3.1.1', isMore: true },
  { key: 'clientId', label: 'form.clientId', kind: 'text', isMore: true },
]

const serial: readonly FieldSpec[] = [
  { key: 'path', label: 'form.serialPath', kind: 'text', hint: 'form.serialPathHint' },
  { key: 'baud', label: 'form.baud', kind: 'number', otherwise: '19200' },
  { key: 'parity', label: 'form.parity', kind: 'select', choices: ['', 'even', 'odd', 'none'], otherwise: 'even' },
  { key: 'stopBits', label: 'form.stopBits', kind: 'number', otherwise: '1', isMore: true },
]

export const PROTOCOLS: Readonly<Record<string, EntrySpec>> = {
  opcua: {
    fields: [
      { key: 'endpoint', label: 'form.endpoint', kind: 'text', hint: 'form.endpointHint' },
      {
        key: 'security.policy',
        label: 'form.policy',
        kind: 'select',
        choices: ['', 'Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss', 'None'],
        otherwise: 'Basic256Sha256',
      },
      {
        key: 'security.mode',
        label: 'form.mode',
        kind: 'select',
        choices: ['', 'SignAndEncrypt', 'Sign', 'None'],
        otherwise: 'SignAndEncrypt',
      },
      { key: 'security.user', label: 'form.user', kind: 'text' },
      { key: 'security.password', label: 'form.password', kind: 'secret' },
      { ...insecure, key: 'security.insecure' },
      { key: 'sampling', label: 'form.sampling', kind: 'text', otherwise: '1s', isMore: true },
      { key: 'publishing', label: 'form.publishing', kind: 'text', otherwise: '250ms', isMore: true },
      { key: 'sessionTimeout', label: 'form.sessionTimeout', kind: 'text', otherwise: '60s', isMore: true },
      { key: 'history', label: 'form.history', kind: 'text', otherwise: '1d', isMore: true },
    ],
    lines: {
      key: 'tags',
      isOnlyFirst: true,
      hint: 'form.nodesHint',
      // Every server has it, and it says when the server is not well.
      first: (name) => ({ tag: `${name}/server-state`, node: 'i=2259', class: '' }),
      columns: [
        { key: 'tag', label: 'tag', kind: 'text', example: 'hall-1/line-1/speed' },
        { key: 'node', label: 'form.node', kind: 'text', example: 'nsu=urn:acme:line;s=Speed' },
        { key: 'class', label: 'class', kind: 'class' },
      ],
    },
  },
  'modbus-tcp': {
    fields: [
      { key: 'host', label: 'form.host', kind: 'text' },
      { key: 'port', label: 'form.port', kind: 'number', otherwise: '502' },
      unit,
      every,
      timeout,
      ...blocks,
      { key: 'connections', label: 'form.connections', kind: 'number', otherwise: '1', isMore: true },
    ],
    lines: registers,
  },
  'modbus-rtu': { fields: [...serial, unit, every, timeout, ...blocks], lines: registers },
  'modbus-rtu-over-tcp': {
    fields: [
      { key: 'host', label: 'form.host', kind: 'text' },
      { key: 'port', label: 'form.port', kind: 'number' },
      unit,
      every,
      timeout,
      ...blocks,
    ],
    lines: registers,
  },
  mqtt: {
    fields: [...broker, ...brokerMore],
    lines: {
      key: 'subscribe',
      hint: 'form.topicsHint',
      first: (name) => ({ topic: '', tag: `${name}/{name}`, class: '' }),
      columns: [
        { key: 'topic', label: 'form.topic', kind: 'text', example: 'plant/{line}/{sensor}' },
        { key: 'tag', label: 'tag', kind: 'text', example: 'hall-1/{line}/{sensor}' },
        { key: 'value', label: 'form.valuePath', kind: 'text', example: 'value' },
        { key: 'time', label: 'form.timePath', kind: 'text', example: 'ts' },
        { key: 'unit', label: 'form.unitOfValue', kind: 'text', example: '°C' },
        { key: 'class', label: 'class', kind: 'class' },
      ],
    },
  },
  sparkplug: {
    fields: [
      ...broker,
      { key: 'groups', label: 'form.groups', kind: 'list', hint: 'form.groupsHint' },
      { key: 'host', label: 'form.hostId', kind: 'text', hint: 'form.hostIdHint' },
      { key: 'tag', label: 'form.tagOfMetric', kind: 'text', otherwise: '{group}/{node}/{device}/{metric}' },
      { key: 'class', label: 'class', kind: 'class', hint: 'form.classOfMetrics' },
      ...brokerMore,
    ],
  },
  files: {
    fields: [
      { key: 'path', label: 'form.folder', kind: 'text', hint: 'form.folderHint' },
      { key: 'pattern', label: 'form.pattern', kind: 'text', otherwise: '*' },
      { key: 'format', label: 'form.format', kind: 'select', choices: ['csv', 'ndjson'] },
      { key: 'separator', label: 'form.separator', kind: 'text', otherwise: ',' },
      { key: 'decimal', label: 'form.decimal', kind: 'select', choices: ['', '.', ','], otherwise: '.' },
      { key: 'time', label: 'form.timeColumn', kind: 'text', hint: 'form.timeColumnHint' },
      { ...every, otherwise: '10s' },
      { key: 'whenDone', label: 'form.whenDone', kind: 'select', choices: ['', 'leave', 'move', 'delete'], otherwise: 'leave' },
      { key: 'settled', label: 'form.settled', kind: 'text', otherwise: '1m', isMore: true },
    ],
    lines: {
      key: 'tags',
      hint: 'form.columnsHint',
      first: (name) => ({ tag: `${name}/{Column}`, column: '', type: 'number', class: '' }),
      columns: [
        { key: 'tag', label: 'tag', kind: 'text', example: 'hall-1/scale/weight' },
        { key: 'column', label: 'form.column', kind: 'text', example: 'Weight' },
        { key: 'type', label: 'form.type', kind: 'select', choices: ['number', 'int', 'bool', 'string'] },
        { key: 'unit', label: 'form.unitOfValue', kind: 'text', example: 'kg' },
        { key: 'class', label: 'class', kind: 'class' },
      ],
    },
  },
}
