import { crc32, zstdCompressSync } from 'node:zlib'
import fc from '../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import { DamagedBlock } from '../../src/columns/index.ts'
import type { Notes } from '../../src/log/segment-notes.ts'
import { decodeNotes, encodeNotes, NOTES_BYTES_MAX, readNotesHeader } from '../../src/log/segment-notes.ts'
import { notesFor } from './segment-files.ts'

const HEADER_BYTES = 20

function damageOf(record: Uint8Array): string {
  try {
    decodeNotes(record)
    return 'none'
  } catch (error) {
    if (error instanceof DamagedBlock) return error.code
    throw error
  }
}

/** A record whose checksums hold, made without the code under test. */
function record(payload: Uint8Array, { version = 1, flags = 0, rawBytes = payload.length } = {}): Uint8Array {
  const out = Buffer.alloc(HEADER_BYTES + payload.length)
  out.write('HN', 0, 'latin1')
  out.writeUInt8(version, 2)
  out.writeUInt8(flags, 3)
  out.writeUInt32LE(payload.length, 4)
  out.writeUInt32LE(rawBytes, 8)
  out.writeUInt32LE(crc32(payload), 12)
  out.writeUInt32LE(crc32(out.subarray(0, 16)), 16)
  out.set(payload, HEADER_BYTES)
  return out
}

const wire = () => ({
  version: 1,
  class: 'process',
  form: 'raw',
  device: 'box-1',
  epoch: 'e',
  at: 1,
  streams: [] as unknown[],
  series: [] as unknown[],
  account: { class: 'process', accepted: 1, delivered: 0, aggregated: 0, lost: {} as Record<string, unknown> },
  ledger: [] as unknown[],
})
const json = (value: unknown) => Buffer.from(JSON.stringify(value))

describe('round trip', () => {
  test('every field comes back', () => {
    const notes = notesFor()
    expect(decodeNotes(encodeNotes(notes))).toEqual(notes)
  })
  test('many series are compressed and come back', () => {
    const series = Array.from({ length: 20_000 }, (_, i) => ({
      id: i,
      tag: `hall/${i}`,
      class: 'process',
      kind: 'long' as const,
    }))
    const encoded = encodeNotes(notesFor({ series }))
    expect(encoded.length).toBeLessThan(readNotesHeader(encoded).rawBytes / 3)
    expect(decodeNotes(encoded)).toEqual(notesFor({ series }))
  })
  test('any notes', () => {
    const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER })
    const time = fc.maxSafeInteger()
    const text = fc.string({ unit: 'grapheme' })
    const stream = fc.record({
      id: whole,
      device: text,
      epoch: text,
      class: text,
      form: fc.constantFrom('raw', 'aggregate', 'gap', 'event'),
      next: whole,
    })
    const kind = fc.constantFrom('double', 'long', 'bool', 'string', 'bytes')
    const series = fc.record(
      { id: whole, tag: text, class: text, kind, unit: text },
      { requiredKeys: ['id', 'tag', 'class', 'kind'] },
    )
    const loss = fc
      .record({
        stream: whole,
        first: fc.nat(),
        more: fc.integer({ min: 1 }),
        timeFrom: time,
        timeTo: time,
        action: fc.constantFrom('dropped', 'aggregated', 'refused', 'damaged', 'overflowed', 'elsewhere'),
        reason: text,
        at: time,
      })
      .map(({ more, ...it }) => ({ ...it, end: it.first + more, count: more }))
    const account = fc.record({
      class: text,
      accepted: whole,
      delivered: whole,
      aggregated: whole,
      lost: fc.dictionary(text, whole, { noNullPrototype: true }),
    })
    const notes = fc.record({
      class: text,
      form: fc.constantFrom('raw', 'aggregate'),
      device: text,
      epoch: text,
      at: time,
      streams: fc.array(stream),
      series: fc.array(series),
      account,
      ledger: fc.array(loss),
    })
    fc.assert(
      fc.property(notes, (it) => {
        expect(decodeNotes(encodeNotes(it as Notes))).toEqual(it)
      }),
      { numRuns: 200 },
    )
  })
  test('the record is as documented', () => {
    const payload = json({ ...wire(), added: 'by a later version' })
    expect(decodeNotes(record(payload)).account.accepted).toBe(1)
    expect(decodeNotes(record(zstdCompressSync(payload), { flags: 1, rawBytes: payload.length })).class).toBe('process')
    expect(Buffer.from(encodeNotes(notesFor()).subarray(0, 3)).toString('latin1')).toBe('HN\x01')
  })
})

describe('damage', () => {
  test('every flipped bit is found', () => {
    const whole = encodeNotes(notesFor())
    const missed: number[] = []
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = whole.slice()
      flipped[bit >>> 3] = (flipped[bit >>> 3] as number) ^ (1 << (bit & 7))
      if (damageOf(flipped) !== (bit < 16 ? 'header' : 'crc')) missed.push(bit)
    }
    expect(missed).toEqual([])
  })
  test('every cut, and bytes too many', () => {
    const whole = encodeNotes(notesFor())
    for (let length = 0; length < whole.length; length++) expect(damageOf(whole.subarray(0, length))).toBe('truncated')
    expect(damageOf(Buffer.concat([whole, Buffer.from([0])]))).toBe('truncated')
  })
  test('another version, also with another length of payload', () => {
    expect(damageOf(record(json(wire()), { version: 2 }))).toBe('version')
    expect(damageOf(record(json({ ...wire(), version: 2 })))).toBe('header')
  })
  test.each<[string, Uint8Array]>([
    ['unknown flags', record(json(wire()), { flags: 2 })],
    ['a plain payload of another length', record(json(wire()), { rawBytes: 5 })],
    ['zstd that is none', record(json(wire()), { flags: 1 })],
    ['more behind zstd than it says', record(zstdCompressSync(json(wire())), { flags: 1, rawBytes: 5 })],
    ['less behind zstd than it says', record(zstdCompressSync(json(wire())), { flags: 1, rawBytes: 5_000 })],
    ['more than anybody writes', record(zstdCompressSync(json(wire())), { flags: 1, rawBytes: NOTES_BYTES_MAX + 1 })],
    ['an empty payload', record(new Uint8Array(0))],
    ['no JSON', record(Buffer.from('{'))],
    ['no UTF-8', record(Buffer.from(JSON.stringify({ ...wire(), device: '\u00ff' }), 'latin1'))],
    ['null', record(json(null))],
    ['a list', record(json([]))],
    ['another form', record(json({ ...wire(), form: 'gap' }))],
    ['no class', record(json({ ...wire(), class: undefined }))],
    ['a time that is no whole number', record(json({ ...wire(), at: 1.5 }))],
    ['streams that are no list', record(json({ ...wire(), streams: {} }))],
    ['a stream with a negative number', record(json({ ...wire(), streams: [{ ...notesFor().streams[0], next: -1 }] }))],
    ['a series of no kind', record(json({ ...wire(), series: [{ id: 1, tag: 't', class: 'c', kind: 'float' }] }))],
    ['a unit that is no text', record(json({ ...wire(), series: [{ id: 1, tag: 't', class: 'c', kind: 'long', unit: null }] }))],
    ['a count that is text', record(json({ ...wire(), account: { ...wire().account, lost: { full: '7' } } }))],
    ['a short row', record(json({ ...wire(), ledger: [[1, 2, 3]] }))],
    ['an empty range', record(json({ ...wire(), ledger: [[1, 2, 2, 0, 0, 0, 'dropped', 'full', 0]] }))],
    ['more than its range', record(json({ ...wire(), ledger: [[1, 2, 3, 2, 0, 0, 'dropped', 'full', 0]] }))],
    ['an action of its own', record(json({ ...wire(), ledger: [[1, 2, 3, 1, 0, 0, 'mislaid', 'full', 0]] }))],
  ])('%s', (_, damaged) => {
    expect(damageOf(damaged)).toBe('header')
  })
})

test('what could not be read back is not written', () => {
  expect(() => encodeNotes(notesFor({ at: Number.NaN }))).toThrow(RangeError)
  expect(() => encodeNotes(notesFor({ account: { ...notesFor().account, delivered: -1 } }))).toThrow(RangeError)
})
