import { expect, test } from 'vitest'
import { decodeBlock } from '../../../src/columns/index.ts'
import { decodedOnce } from '../../../src/uplinks/kafka/decoded.ts'
import { doubles, rawStream } from './slices.ts'

function counting() {
  let decoded = 0
  const decode = decodedOnce((block: Uint8Array) => {
    decoded++
    return decodeBlock(block)
  })
  return { decode, times: () => decoded }
}

test('a block in parts is decoded once, although each part comes as bytes of its own', () => {
  const { decode, times } = counting()
  const { block } = doubles(rawStream('box'), 1_000, 100).slice
  for (const to of [1_030, 1_060, 1_100]) expect(decode(block.slice(), to).first).toBe(1_000)
  expect(times()).toBe(1)
  // It was whole then: nothing is kept.
  decode(block.slice(), 1_030)
  expect(times()).toBe(2)
})

test('what lies between, whole blocks and another one in parts, does not push it out', () => {
  const { decode, times } = counting()
  const [one, two] = [doubles(rawStream('box'), 0, 100).slice.block, doubles(rawStream('box'), 500, 90).slice.block]
  decode(one, 10)
  decode(two, 510)
  for (let i = 0; i < 5; i++) decode(doubles(rawStream('box'), 2_000 + i * 10, 10).slice.block, 2_010 + i * 10)
  expect(times()).toBe(7)
  expect(decode(one.slice(), 100).count).toBe(100)
  expect(decode(two.slice(), 590).count).toBe(90)
  expect(times()).toBe(7)
})
