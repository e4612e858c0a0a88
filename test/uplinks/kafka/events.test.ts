import { expect, test } from 'vitest'
import type { LedgerRow } from '../../../src/core/log.ts'
import { decodeAvro, encodeAvro, frameOf } from '../../../src/uplinks/kafka/avro/types.ts'
import { checkpointRecord, gapRecord, refusedRecord } from '../../../src/uplinks/kafka/events.ts'

const stream = { device: 'box', epoch: 'e', class: 'process', form: 'gap' } as const
const row: LedgerRow = {
  sequence: 7,
  stream: { ...stream, form: 'raw' },
  from: 10,
  to: 12,
  timeFrom: 1,
  timeTo: 2,
  count: 2,
  exact: true,
  action: 'refused',
  reason: 'unreadable',
  at: 3,
}

test.each(['all', 'id'] as const)('a gap record that may be there already says so, with headers: %s', (headers) => {
  const style = { site: 's', headers }
  const texts = [true, false].map((marked) =>
    gapRecord(stream, row, row.sequence, style, 4, marked).rest('{}', 'application/json'),
  )
  expect(texts.map((it) => it.includes('holdfast-maybe-duplicate'))).toEqual([true, false])
  expect(gapRecord(stream, row, row.sequence, style, 4, false).value).toMatchObject({ seq_from: 10, seq_to: 11 })
})

test('a line that others have become part of is a record with all of their places', () => {
  const text = gapRecord(stream, row, 3, { site: 's', headers: 'all' }, 4, false).rest('{}', 'application/json')
  expect(text).toContain('box:e:process:gap:3-7')
})

const style = { site: 's', headers: 'all' } as const
const key = 'box:e:process:raw'
const position = { transaction: 5, delivered: new Map([[key, [{ from: 0, to: 7 }]]]) }
const destination = { cluster: 'c', topics: { t: 3 }, ends: { 't/0': '17' } }
const streams = { [key]: { next: 9, lost: 1 }, 'box:e:alarm:raw': { next: 0, lost: 0 } }
const batch = {
  slices: [],
  series: new Map(),
  maybeDuplicate: [],
  elsewhere: [],
  checkpoint: { reason: 'drained' as const, streams },
}
const about = { device: 'box', uplink: 'cloud', destination, stays: ['alarm', 'debug'] }

test.each([
  ['a gap record', gapRecord(stream, row, row.sequence, style, 4, false)],
  ['a checkpoint', checkpointRecord(batch, position, about, style, 4)],
  ['what was refused', refusedRecord([{ stream: key, sequence: 3, code: 'too-large' }], position, about, style, 4)],
])('%s says in Avro all that it says in JSON', (_name, record) => {
  const framed = Buffer.concat([Buffer.from(frameOf(7), 'latin1'), encodeAvro(record.form, record.value)])
  expect(decodeAvro(record.form, framed)).toEqual(JSON.parse(JSON.stringify(record.value)))
})
