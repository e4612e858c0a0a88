import { expect, test } from 'vitest'
import type { LedgerRow } from '../../../src/core/log.ts'
import { gapRecord } from '../../../src/uplinks/kafka/events.ts'

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
  const texts = [true, false].map((marked) => gapRecord(stream, row, style, 4, marked).rest('{}', 'application/json'))
  expect(texts.map((it) => it.includes('holdfast-maybe-duplicate'))).toEqual([true, false])
  expect(gapRecord(stream, row, style, 4, false).value).toMatchObject({ seq_from: 10, seq_to: 11 })
})
