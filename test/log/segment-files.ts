// Segment files for tests: real blocks, notes with something in every field.
import { encodeBlock } from '../../src/columns/index.ts'
import type { Notes } from '../../src/log/segment-notes.ts'
import { row, toInput } from '../columns/helpers.ts'

const EPOCH = '0'.repeat(31) + '1'

export function notesFor(fields: Partial<Notes> = {}): Notes {
  return {
    class: 'process',
    form: 'raw',
    device: 'box-1',
    epoch: EPOCH,
    at: 1_700_000_000_000_000,
    streams: [
      { id: 1, device: 'box-1', epoch: EPOCH, class: 'process', form: 'raw', next: 5_000 },
      { id: 2, device: 'box-1', epoch: EPOCH, class: 'process', form: 'gap', next: 3 },
    ],
    series: [
      { id: 5, tag: 'hall-1/press-3/temperature', class: 'process', kind: 'double', unit: '°C' },
      { id: 8, tag: 'hall-1/press-3/state', class: 'process', kind: 'string' },
    ],
    account: { class: 'process', accepted: 5_000, delivered: 1_000, aggregated: 20, lost: { full: 7, 'too-large': 1 } },
    ledger: [
      {
        stream: 1,
        first: 100,
        end: 107,
        count: 7,
        timeFrom: -5,
        timeTo: 1_700_000_000_000_000,
        action: 'dropped',
        reason: 'full',
        at: 1_700_000_000_000_001,
      },
    ],
    ...fields,
  }
}

/** `count` readings from sequence `first` on that take at least about 8 bytes each. */
export function blockOf(first: number, count: number): Uint8Array {
  const rows = Array.from({ length: count }, (_, i) => row({ value: Math.sin(first + i) * 1e9, time: (first + i) * 1_000 }))
  return encodeBlock(toInput(rows), { stream: 1, first }).block
}
