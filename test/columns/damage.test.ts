import { crc32, zstdCompressSync } from 'node:zlib'
import fc from '../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import { createMerger, DamagedBlock, decodeBlock, encodeBlock, lengthOf, readHeader } from '../../src/columns/index.ts'
import type { Row } from './helpers.ts'
import { kindOf, row, toInput } from './helpers.ts'

const HEADER_BYTES = 68
const encoded = (rows: readonly Row[]): Uint8Array => encodeBlock(toInput(rows), { stream: 1, first: 0 }).block

/** Sealed in two parts. Version 1 or, with 'kept', 2. */
function sealedBlock(rows: readonly Row[], first: 0 | 'kept'): Uint8Array {
  const half = Math.ceil(rows.length / 2)
  const parts = [rows.slice(0, half), rows.slice(half)].filter((it) => it.length > 0)
  const blocks = parts.map((it, n) => encodeBlock(toInput(it), { stream: 1, first: n * half }).block)
  const merge = createMerger({ level: 3, readingsMax: 1_000, bytesMax: 100_000, kindOf })
  return merge(blocks, { stream: 1, first })[0]?.block as Uint8Array
}

const MIXED = Array.from({ length: 40 }, (_, i) =>
  row({
    series: i % 5,
    value: i % 2,
    time: i * 1_000,
    content: `c${i % 4}`,
    quality: i % 3,
    status: i,
    received: i * 1_000 + (i % 7),
  }),
)
/** Decimals with a NaN, near decimals, float32 and doubles that are nothing of it, one series each. */
const DOUBLES = Array.from({ length: 64 }, (_, i) => {
  const values = [i === 20 ? NaN : i / 8, i * 0.1, Math.fround(Math.sin(i)), Math.sin(i)]
  return row({ series: 5 * (i % 4), value: values[i % 4] as number, time: i * 1_000_000, received: 7 + (i >> 4) })
})

const BLOCKS: Record<string, Uint8Array> = {
  'sealed, one reading': sealedBlock([row({ value: 20.5 })], 0),
  'sealed, all kinds': sealedBlock(MIXED, 0),
  'sealed, all kinds, with its order': sealedBlock(MIXED, 'kept'),
  'sealed, doubles': sealedBlock(DOUBLES, 0),
  'sealed, doubles, with their order': sealedBlock(DOUBLES, 'kept'),
  'sealed, long runs': sealedBlock(
    Array.from({ length: 400 }, (_, i) => row({ value: ((i * 7_919) % 10_007) / 100, time: i * 1_000 + ((i * i) % 99) })),
    'kept',
  ),
  'one reading': encoded([row({ value: 20.5 })]),
  'all kinds': encoded(
    Array.from({ length: 15 }, (_, i) =>
      row({ series: i % 5, value: i % 2, time: i * 1_000, content: `c${i % 4}`, quality: i % 3, status: i, received: i % 2 }),
    ),
  ),
  compressed: encoded(
    Array.from({ length: 100 }, (_, i) => row({ series: 5 * (i % 3), value: ((i * 37) % 100) / 4, time: i * 1_000_000 })),
  ),
  planes: encoded(Array.from({ length: 10 }, (_, i) => row({ value: Math.sin(i), time: i ** 5 }))),
}

function damageOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof DamagedBlock) return error.code
    throw error
  }
  return 'none'
}

describe.each(Object.entries(BLOCKS))('%s', (_, block) => {
  test('is whole before it is damaged', () => {
    expect(damageOf(() => decodeBlock(block))).toBe('none')
  })
  test('every flipped bit is found', () => {
    const missed: number[] = []
    for (let bit = 0; bit < block.length * 8; bit++) {
      const flipped = block.slice()
      flipped[bit >>> 3] = (flipped[bit >>> 3] as number) ^ (1 << (bit & 7))
      const found = damageOf(() => decodeBlock(flipped))
      // The magic's bits make it something else than a block; all others are a CRC that does not hold.
      if (found !== (bit < 16 ? 'header' : 'crc')) missed.push(bit)
    }
    expect(missed).toEqual([])
  })
  test('every flipped bit of the header is found by reading it alone', () => {
    for (let bit = 0; bit < HEADER_BYTES * 8; bit++) {
      const flipped = block.slice(0, HEADER_BYTES)
      flipped[bit >>> 3] = (flipped[bit >>> 3] as number) ^ (1 << (bit & 7))
      expect(damageOf(() => readHeader(flipped))).not.toBe('none')
      expect(damageOf(() => lengthOf(flipped))).not.toBe('none')
    }
  })
  test('every cut, and bytes too many, are found', () => {
    for (let length = 0; length < block.length; length++)
      expect(damageOf(() => decodeBlock(block.subarray(0, length)))).toBe('truncated')
    expect(damageOf(() => decodeBlock(Buffer.concat([block, Buffer.from([0])])))).toBe('truncated')
  })
})

test('any bytes are no block', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => damageOf(() => decodeBlock(bytes)) !== 'none'),
    { numRuns: 2_000 },
  )
})

test('a block of another version says so', () => {
  expect(damageOf(() => decodeBlock(sealed(BLOCKS['all kinds'] as Uint8Array, (view) => view.setUint8(2, 4))))).toBe('version')
})

/** A block with something changed and both CRCs right again: what no accident makes, but a bug or somebody could. */
function sealed(block: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = block.slice()
  const view = new DataView(copy.buffer)
  change(view)
  view.setUint32(60, crc32(copy.subarray(HEADER_BYTES)), true)
  view.setUint32(64, crc32(copy.subarray(0, 64)), true)
  return copy
}

function withPayload(block: Uint8Array, payload: Uint8Array): Uint8Array {
  const packed = zstdCompressSync(payload)
  return sealed(new Uint8Array(Buffer.concat([block.subarray(0, HEADER_BYTES), packed])), (view) => {
    view.setUint8(3, 1)
    view.setUint32(20, packed.length, true)
    view.setUint32(24, payload.length, true)
  })
}

describe('with CRCs that hold', () => {
  const whole = BLOCKS['all kinds'] as Uint8Array
  test.each([
    ['no readings', (view: DataView) => view.setUint32(16, 0, true)],
    ['more readings than there are', (view: DataView) => view.setUint32(16, 16, true)],
    ['four thousand million readings', (view: DataView) => view.setUint32(16, 0xffff_ffff, true)],
    ['fewer readings than there are', (view: DataView) => view.setUint32(16, 14, true)],
    ['a sequence that is no integer', (view: DataView) => view.setFloat64(8, 0.5, true)],
    ['a sequence below 0', (view: DataView) => view.setFloat64(8, -1, true)],
    ['a sequence that is not a number', (view: DataView) => view.setFloat64(8, NaN, true)],
    ['another length before zstd', (view: DataView) => view.setUint32(24, 0xffff_ffff, true)],
    ['sections where there are none', (view: DataView) => view.setUint8(3, 2)],
    ['an unknown form', (view: DataView) => view.setUint8(3, 3)],
    ['an order where there is none', (view: DataView) => view.setUint8(2, 2)],
  ])('%s', (_name, change) => {
    expect(damageOf(() => decodeBlock(sealed(BLOCKS['one reading'] as Uint8Array, change)))).toBe('header')
    expect(damageOf(() => decodeBlock(sealed(whole, change)))).toBe('header')
  })
  test('zstd that is none', () => {
    expect(damageOf(() => decodeBlock(sealed(BLOCKS['one reading'] as Uint8Array, (view) => view.setUint8(3, 1))))).toBe('header')
  })
  test('a payload that unpacks to more than it says', () => {
    const bomb = sealed(withPayload(whole, new Uint8Array(1_000_000)), (view) => view.setUint32(24, 1_000, true))
    expect(damageOf(() => decodeBlock(bomb))).toBe('header')
    // Stopped while it unpacks, not measured afterwards.
    expect(() => decodeBlock(bomb)).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ code: 'ERR_BUFFER_TOO_LARGE' }) }),
    )
  })
  test('a payload that unpacks to less than it says', () => {
    const one = BLOCKS['one reading'] as Uint8Array
    const packed = withPayload(one, one.subarray(HEADER_BYTES))
    expect(damageOf(() => decodeBlock(packed))).toBe('none')
    const short = sealed(packed, (view) => view.setUint32(24, view.getUint32(24, true) + 1, true))
    expect(damageOf(() => decodeBlock(short))).toBe('header')
  })
  test('any payload ends as readings or as damage, never as another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
        damageOf(() => decodeBlock(withPayload(whole, payload)))
      }),
      { numRuns: 2_000 },
    )
  })
  test('a payload with bytes changed ends as readings or as damage, never as another error', () => {
    const names = ['all kinds', 'planes', 'sealed, one reading', 'sealed, all kinds, with its order', 'sealed, doubles']
    for (const block of names.map((it) => BLOCKS[it] as Uint8Array)) {
      for (let at = HEADER_BYTES; at < block.length; at++) {
        for (let byte = 0; byte < 256; byte += 3) {
          damageOf(() => decodeBlock(sealed(block, (view) => view.setUint8(at, byte))))
        }
      }
    }
  })
})

describe('sections', () => {
  const order = sealedBlock([row({ series: 10 }), row({ series: 5 }), row({ series: 10 }), row({ series: 5 })], 'kept')
  test('an order that is taken for none is damage', () => {
    expect(damageOf(() => decodeBlock(order))).toBe('none')
    expect(damageOf(() => decodeBlock(sealed(order, (view) => view.setUint8(2, 1))))).toBe('header')
  })
  test('a section that unpacks to more than it says is stopped', () => {
    const bomb = zstdCompressSync(new Uint8Array(1_000_000))
    const table = [100, bomb.length, ...Array<number>(18).fill(0)].flatMap((it) => [...varint(it)])
    const payload = Buffer.concat([Uint8Array.from(table), bomb])
    const block = sealed(new Uint8Array(Buffer.concat([order.subarray(0, HEADER_BYTES), payload])), (view) => {
      view.setUint32(20, payload.length, true)
      view.setUint32(24, 100, true)
    })
    expect(damageOf(() => decodeBlock(block))).toBe('header')
  })
  test('any payload ends as readings or as damage, never as another error', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 10, maxLength: 10 }), (parts) => {
        const table = parts.flatMap((it) => [it.length, 0])
        const payload = Buffer.concat([Uint8Array.from(table), ...parts])
        const block = sealed(new Uint8Array(Buffer.concat([order.subarray(0, HEADER_BYTES), payload])), (view) => {
          view.setUint32(20, payload.length, true)
          view.setUint32(24, payload.length - table.length, true)
        })
        damageOf(() => decodeBlock(block))
      }),
      { numRuns: 3_000 },
    )
  })
})

function* varint(n: number): Generator<number> {
  for (let rest = n; ; rest >>>= 7) {
    yield rest > 0x7f ? (rest & 0x7f) | 0x80 : rest
    if (rest <= 0x7f) return
  }
}

describe('a payload written by hand', () => {
  // Two readings, whose place and times the header of this block has.
  const frame = encoded([row({ series: 7, time: 1, received: 1 }), row({ series: 7, time: 2, received: 1 })])
  const decode = (columns: Record<string, readonly number[]>): ReturnType<typeof decodeBlock> =>
    decodeBlock(withPayload(frame, Uint8Array.from(Object.values(columns).flat())))
  const oneRun = {
    series: [1, 7, 1],
    quality: [0],
    status: [0],
    received: [1, 0, 2],
    time: [1, 0, 2, 2],
    value: [0x10, 2, 4],
    dictionary: [0],
  }
  const twoRuns = { ...oneRun, series: [2, 7, 0, 2, 0], time: [1, 0, 2, 1], value: [0x10, 2, 0x71, 2, 4] }

  test('is read as the format says', () => {
    const block = decode(oneRun)
    expect(block).toMatchObject({ seriesIds: Uint32Array.of(7), runs: Uint32Array.of(2), time: Float64Array.of(1, 2) })
    expect(block).toMatchObject({
      value: Float64Array.of(0.1, 0.3),
      received: Float64Array.of(1, 1),
      quality: Uint8Array.of(0, 0),
    })
    expect(decode({ ...oneRun, quality: [1, 2, 0, 1, 0], status: [1, 0x80, 1, 1] })).toMatchObject({
      quality: Uint8Array.of(2, 1),
      status: Uint32Array.of(128, 128),
    })
    expect(decode({ ...oneRun, received: [2, 0, 2, 4, 0, 2, 0, 1, 0] }).received).toEqual(Float64Array.of(3, 1))
    expect(decode({ ...oneRun, value: [0x17, 6, 0, 0, 2] }).value).toEqual(Float64Array.of(0.3, 0.1 + 0.2))
    expect(decode({ ...oneRun, value: [6, 0, 1], dictionary: [1, 2, 104, 105] }).bytes).toEqual(Uint8Array.of(104, 105))
  })
  test('of two series, the second at the times of the first', () => {
    const block = decode({ ...twoRuns, value: [0x10, 2, 0x11, 2] })
    expect(block).toMatchObject({ seriesIds: Uint32Array.of(7, 10), runs: Uint32Array.of(1, 1), time: Float64Array.of(1, 1) })
    expect(block.value).toEqual(Float64Array.of(0.1, Math.fround(0.1)))
  })
  test.each([
    ['no series', { series: [0] }],
    ['more series than readings', { series: [3, 7, 0, 0, 0, 0, 0] }],
    ['a run that is too long', { series: [1, 7, 2] }],
    ['runs that are too short', { series: [1, 7, 0] }],
    ['a series number of 33 bits', { series: [1, 0x80, 0x80, 0x80, 0x80, 0x10, 1] }],
    ['an unknown form of column', { quality: [2] }],
    ['a quality of 9 bits', { quality: [1, 0x80, 2, 1] }],
    ['a quality run that is too long', { quality: [1, 1, 2] }],
    ['no receive time', { received: [0, 0] }],
    ['more receive times than readings', { received: [3, 0, 2, 2, 2, 0, 0, 1] }],
    ['an unknown receive time', { received: [2, 0, 2, 4, 0, 4, 1] }],
    ['an unknown unit of time', { time: [4, 0, 2, 2] }],
    ['times as of a run before the first', { time: [1, 1] }],
    ['an unknown form of time', { time: [1, 2, 2, 2] }],
    ['an unknown kind', { value: [8, 2, 4] }],
    ['ten decimals', { value: [0xa0, 2, 4] }],
    ['decimals where there are none', { value: [0x14, 2, 4] }],
    ['an entry that was not there yet', { value: [6, 0, 3], dictionary: [1, 1, 104] }],
    ['an entry too many', { value: [6, 0, 1], dictionary: [2, 1, 1, 104, 105] }],
    ['contents that are too short', { value: [6, 0, 1], dictionary: [1, 2, 104] }],
    ['contents that are too long', { value: [6, 0, 1], dictionary: [1, 2, 104, 105, 106] }],
    ['a distance that is too far', { value: [0x17, 6, 0, 0, 0x84, 1] }],
    ['a number of 54 bits', { value: [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0] }],
    ['a number without an end', { value: [0, ...Array<number>(12).fill(0x80), 0, 0] }],
    ['an int64 without an end', { value: [4, ...Array<number>(12).fill(0x80), 0, 0] }],
    ['bytes too many', { dictionary: [0, 0] }],
  ])('with %s is damage', (_name, columns) => {
    expect(damageOf(() => decode({ ...oneRun, ...columns }))).toBe('header')
  })
  test('with times as of a longer run is damage', () => {
    const three = encoded([row({ series: 7 }), row({ series: 7 }), row({ series: 7 })])
    const payload = [2, 7, 0, 2, 1, 0, 0, 1, 0, 2, 1, 0, 2, 1, 0x10, 2, 0x10, 2, 2, 0]
    expect(damageOf(() => decodeBlock(withPayload(three, Uint8Array.from(payload))))).toBe('header')
  })
  test('that ends anywhere is damage', () => {
    const forms = [
      [0x10, 2, 4],
      [2, ...Array<number>(16).fill(1)],
      [3, ...Array<number>(8).fill(1)],
      [4, 0x82, 1, 4],
      [5, 1],
      [6, 0, 1],
      [0x17, 6, 0, 0, 2],
    ]
    for (const value of forms) {
      const dictionary = value[0] === 6 ? [1, 2, 104, 105] : [0]
      const payload = Object.values({ ...oneRun, time: [0, ...Array<number>(16).fill(1)], value, dictionary }).flat()
      expect(damageOf(() => decodeBlock(withPayload(frame, Uint8Array.from(payload))))).toBe('none')
      for (let length = 0; length < payload.length; length++) {
        expect(damageOf(() => decodeBlock(withPayload(frame, Uint8Array.from(payload.slice(0, length)))))).toBe('header')
      }
    }
  })
})
