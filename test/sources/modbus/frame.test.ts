import fc from '../../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import { createGrid, phaseMs, retryMs } from '../../../src/sources/modbus/cadence.ts'
import { answerFrameBytes, answerScanner, crc16, requestFrame } from '../../../src/sources/modbus/frame.ts'

function withCrc(bytes: readonly number[]): Buffer {
  const frame = Buffer.from([...bytes, 0, 0])
  frame.writeUInt16LE(crc16(frame, 0, bytes.length), bytes.length)
  return frame
}

describe('RTU frames', () => {
  test('the example of the specification: CRC and request', () => {
    expect(crc16(Buffer.from([2, 7]), 0, 2)).toBe(0x1241)
    // Read ten holding registers from 0 of unit 1: as any manual shows it.
    expect(requestFrame(1, 3, 0, 10).toString('hex')).toBe('01030000000ac5cd')
  })

  test('an answer is found in pieces of any size, behind noise of any kind', () => {
    const anyBytes = fc.uint8Array({ maxLength: 40 })
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 2, maxLength: 250 }),
        anyBytes,
        fc.integer({ min: 1, max: 60 }),
        (data, noise, piece) => {
          const frame = withCrc([17, 3, data.length, ...data])
          expect(frame.length).toBe(answerFrameBytes(data.length))
          const wire = Buffer.concat([noise, frame])
          const scan = answerScanner(17, 3, data.length)
          let found: ReturnType<typeof scan>
          for (let at = 0; at < wire.length && !found; at += piece) found = scan(wire.subarray(at, at + piece))
          // Noise may hold an exception by a chance of one in billions; data is never other data.
          expect(found).toEqual({ data: Buffer.from(data) })
        },
      ),
    )
  })

  test.each<[string, Buffer]>([
    ['of another unit', withCrc([18, 3, 2, 0, 1])],
    ['of another function', withCrc([17, 4, 2, 0, 1])],
    ['of another length', withCrc([17, 3, 4, 0, 1, 0, 1])],
    ['with a wrong CRC', Buffer.from([17, 3, 2, 0, 1, 9, 9])],
    ['cut off', withCrc([17, 3, 2, 0, 1]).subarray(0, 6)],
    ['that is our own request come back', requestFrame(17, 3, 0x0200, 1)],
  ])('not taken for the answer: one %s', (_, frame) => {
    const scan = answerScanner(17, 3, 2)
    expect(scan(frame)).toBeUndefined()
    expect(scan(withCrc([17, 3, 2, 0xab, 0xcd]))).toEqual({ data: Buffer.from([0xab, 0xcd]) })
  })

  test('an exception', () => {
    expect(answerScanner(17, 3, 200)(withCrc([17, 0x83, 2]))).toEqual({ exception: 2 })
  })
})

describe('the grid of polls', () => {
  test('takes each point once, in time', () => {
    const grid = createGrid(100, 50)
    expect(grid.next(90)).toEqual({ waitMs: 10, missed: 0 })
    expect(grid.next(120)).toEqual({ waitMs: 30, missed: 0 })
    expect(grid.next(199)).toEqual({ waitMs: 1, missed: 0 })
  })

  test('a point that is due already is taken at once; those before it are missed', () => {
    const grid = createGrid(0, 50)
    grid.next(0)
    expect(grid.next(70)).toEqual({ waitMs: 0, missed: 0 })
    expect(grid.next(260)).toEqual({ waitMs: 0, missed: 3 })
    expect(grid.next(261)).toEqual({ waitMs: 39, missed: 0 })
    grid.skip(1_000)
    expect(grid.next(1_010)).toEqual({ waitMs: 40, missed: 0 })
  })

  test('devices start spread over a second, or over a shorter period; each always the same', () => {
    const phases = Array.from({ length: 100 }, (_, i) => phaseMs(`device-${i}`, 60_000))
    const tenths = new Set(phases.map((it) => Math.floor(it / 100)))
    expect(tenths.size).toBe(10)
    expect(phases.every((it) => it >= 0 && it < 1_000)).toBe(true)
    expect(phaseMs('device-7', 50)).toBeLessThan(50)
    expect(phaseMs('device-7', 60_000)).toBe(phases[7])
  })

  test('a device that failed is asked again after 250 to 500 ms, then later and later, at most 30 s', () => {
    const low = [1, 2, 3, 7, 50].map((it) => retryMs(it, 500, () => 0))
    const high = [1, 2, 3, 7, 50].map((it) => retryMs(it, 500, () => 1))
    expect(low).toEqual([250, 500, 1_000, 15_000, 15_000])
    expect(high).toEqual([500, 1_000, 2_000, 30_000, 30_000])
  })
})
