import fc from '../../prove/fast-check.ts'
import { describe, expect, test } from 'vitest'
import type { Block } from '../../../src/sources/modbus/plan.ts'
import { planBlocks } from '../../../src/sources/modbus/plan.ts'
import type { Point } from '../../../src/sources/modbus/registers.ts'
import { isBitKind, parseType, REGISTER_KINDS, widthOf } from '../../../src/sources/modbus/registers.ts'
import { searchBlock } from '../../../src/sources/modbus/search.ts'

const pointOf = (kind: Point['kind'], address: number, typeText: string): Point => {
  const type = parseType(typeText)
  if (!type) throw new Error(typeText)
  const rest = { class: 'c', unit: undefined, order: 'ABCD' as const, scale: undefined, offset: undefined }
  return { ...rest, tag: `${kind}:${address}:${typeText}`, kind, address, width: widthOf(type), type }
}

const anyPoint = fc
  .record({
    kind: fc.constantFrom(...REGISTER_KINDS),
    // Near together, so that blocks form, and now and then far away.
    address: fc.oneof({ weight: 5, arbitrary: fc.nat(600) }, { weight: 1, arbitrary: fc.nat(65_000) }),
    type: fc.constantFrom('uint16', 'bit:3', 'float32', 'int64', 'string:31'),
  })
  .map(({ kind, address, type }) => pointOf(kind, address, isBitKind(kind) ? 'bool' : type))

const anyLimits = fc.record({ maxGap: fc.nat(20), blockMax: fc.integer({ min: 16, max: 125 }) })

/** The longest run inside a block that belongs to no point. */
function gapOf(block: Block): number {
  const asked = new Set<number>()
  for (const it of block.points) for (let i = 0; i < it.width; i++) asked.add(it.address + i)
  let longest = 0
  let run = 0
  for (let at = block.from; at < block.to; at++) {
    run = asked.has(at) ? 0 : run + 1
    longest = Math.max(longest, run)
  }
  return longest
}

describe('block reads', () => {
  test('every point lies in exactly one block; limits and gaps hold', () => {
    fc.assert(
      fc.property(fc.array(anyPoint, { maxLength: 200 }), anyLimits, (points, limits) => {
        const blocks = planBlocks(points, limits)
        expect(blocks.flatMap((it) => it.points).toSorted(byTag)).toEqual(points.toSorted(byTag))
        for (const block of blocks) {
          const scale = isBitKind(block.kind) ? 16 : 1
          expect(block.to - block.from).toBeLessThanOrEqual(limits.blockMax * scale)
          expect(gapOf(block)).toBeLessThanOrEqual(limits.maxGap * scale)
          expect(
            block.points.every((it) => it.kind === block.kind && it.address >= block.from && it.address + it.width <= block.to),
          ).toBe(true)
          expect(block.points.some((it) => it.address === block.from)).toBe(true)
          expect(block.points.some((it) => it.address + it.width === block.to)).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('a hundred registers are one request, a thousand are eight', () => {
    const many = (n: number) => Array.from({ length: n }, (_, i) => pointOf('holding', i, 'uint16'))
    const limits = { maxGap: 8, blockMax: 125 }
    expect(planBlocks(many(100), limits)).toHaveLength(1)
    expect(planBlocks(many(1_000), limits).map((it) => it.to - it.from)).toEqual(Array(8).fill(125))
  })

  test('two thousand coils are one request', () => {
    const coils = Array.from({ length: 2_000 }, (_, i) => pointOf('coil', i, 'bool'))
    expect(planBlocks(coils, { maxGap: 0, blockMax: 125 })).toHaveLength(1)
  })
})

function byTag(a: Point, b: Point): number {
  return a.tag < b.tag ? -1 : a.tag > b.tag ? 1 : 0
}

describe('the search for refused addresses', () => {
  test('every point is read or refused by itself; parts read no refused address and are as long as can be', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 40 }),
        fc.uniqueArray(fc.nat(60)),
        async (addresses, illegal) => {
          const gone = new Set(illegal)
          const points = addresses.toSorted((a, b) => a - b).map((it) => pointOf('holding', it, 'uint16'))
          const [whole] = planBlocks(points, { maxGap: 125, blockMax: 125 })
          if (!whole) throw new Error('no block')
          let requests = 0
          const isGood = (from: number, to: number) =>
            Array.from({ length: to - from }, (_, i) => from + i).every((it) => !gone.has(it))
          if (isGood(whole.from, whole.to)) return
          const found = await searchBlock(whole, 2, async (block) => {
            requests++
            return isGood(block.from, block.to) ? { data: Buffer.alloc((block.to - block.from) * 2) } : { exception: 2 }
          })
          if ('other' in found) throw new Error('gave up')
          const read = found.parts.flatMap((it) => it.block.points)
          const refused = found.refused.map((it) => it.point)
          expect([...read, ...refused].toSorted(byTag)).toEqual(points.toSorted(byTag))
          expect(read.every((it) => !gone.has(it.address))).toBe(true)
          expect(refused.every((it) => gone.has(it.address))).toBe(true)
          for (const { block } of found.parts) {
            const next = points[points.indexOf(block.points.at(-1) as Point) + 1]
            if (next) expect(isGood(block.from, next.address + 1)).toBe(false)
          }
          expect(requests).toBeLessThanOrEqual(2 * refused.length + (found.parts.length + 1) * 9)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('a device that turns busy meanwhile ends it without a verdict', async () => {
    const points = [0, 1, 2, 3].map((it) => pointOf('holding', it, 'uint16'))
    const [whole] = planBlocks(points, { maxGap: 8, blockMax: 125 })
    if (!whole) throw new Error('no block')
    expect(await searchBlock(whole, 2, async () => ({ exception: 6 }))).toEqual({ other: 6 })
  })
})
