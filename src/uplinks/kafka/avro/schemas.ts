// The records' Avro schemas, one for each form. Whoever changes one keeps what is there and gives new fields a default: registries refuse all else,
// and old readers must go on. `long` holds every 64-bit integer as it is, `double` every double.
import type { Form } from '../../../core/stream.ts'

type Type = string | readonly Type[] | { readonly [key: string]: unknown }
interface Field {
  readonly name: string
  readonly type: Type
  readonly default?: null
}

/** The schemas' own names of the forms. */
const NAMES: Readonly<Record<Form, string>> = { raw: 'Reading', aggregate: 'Aggregate', gap: 'Gap', event: 'Event' }

const field = (type: Type) => (name: string) => ({ name, type })
const long = field('long')
const text = field('string')
const optional = (name: string, ...types: readonly Type[]): Field => ({ name, type: ['null', ...types], default: null })

const PLACE = ['device', 'site', 'tag'].map(text)
/** As a value that may be of any kind; bools are doubles here, 0 and 1. */
const ANY = ['double', 'long', 'string', 'bytes'] as const
const STREAM_STATE = {
  type: 'record',
  name: 'StreamState',
  fields: [
    { name: 'delivered', type: { type: 'array', items: { type: 'array', items: 'long' } } },
    optional('next', 'long'),
    optional('lost', 'long'),
  ],
}
const REFUSED_READING = { type: 'record', name: 'RefusedReading', fields: [text('stream'), long('seq'), text('code')] }

const FIELDS: Readonly<Record<Form, readonly Field[]>> = {
  raw: [
    long('ts'),
    ...PLACE,
    optional('value_double', 'double'),
    optional('value_long', 'long'),
    optional('value_bool', 'boolean'),
    optional('value_string', 'string'),
    optional('value_bytes', 'bytes'),
    optional('unit', 'string'),
    text('quality'),
    long('status_code'),
    text('epoch'),
    long('seq'),
    long('ingest_ts'),
    text('time_quality'),
    text('class'),
  ],
  aggregate: [
    long('window_start'),
    long('window_end'),
    ...PLACE,
    text('kind'),
    optional('unit', 'string'),
    ...['count', 'good', 'uncertain', 'bad', 'valued'].map(long),
    optional('changes', 'long'),
    optional('sum', 'double'),
    optional('m2', 'double'),
    optional('min', 'double', 'long'),
    optional('max', 'double', 'long'),
    optional('mean', 'double'),
    optional('std', 'double'),
    optional('first', ...ANY),
    optional('first_ts', 'long'),
    optional('last', ...ANY),
    optional('last_ts', 'long'),
    text('epoch'),
    ...['seq_from', 'seq_to', 'seq'].map(long),
    text('time_quality'),
    text('class'),
  ],
  gap: [
    long('ts'),
    ...['device', 'site', 'class', 'form', 'epoch'].map(text),
    long('seq_from'),
    long('seq_to'),
    optional('from', 'long'),
    optional('to', 'long'),
    long('count'),
    text('action'),
    text('reason'),
    field('boolean')('exact'),
    optional('seq', 'long'),
    optional('uplink', 'string'),
    optional('transaction', 'long'),
    long('ingest_ts'),
  ],
  event: [
    text('type'),
    long('ts'),
    text('device'),
    text('site'),
    optional('uplink', 'string'),
    optional('transaction', 'long'),
    optional('reason', 'string'),
    optional('streams', { type: 'map', values: STREAM_STATE }),
    optional('topics', { type: 'map', values: 'long' }),
    optional('cluster', 'string'),
    optional('ends', { type: 'map', values: 'string' }),
    optional('readings', { type: 'array', items: REFUSED_READING }),
    optional('class', 'string'),
    optional('epoch', 'string'),
    optional('seq', 'long'),
    optional('seq_from', 'long'),
    optional('seq_to', 'long'),
    optional('count', 'long'),
    ...['what', 'by', 'address', 'time_quality'].map((name) => optional(name, 'string')),
    optional('detail', { type: 'map', values: 'string' }),
    optional('ingest_ts', 'long'),
  ],
}

export function schemaOf(form: Form): object {
  return { type: 'record', name: NAMES[form], namespace: 'holdfast', fields: FIELDS[form] }
}
