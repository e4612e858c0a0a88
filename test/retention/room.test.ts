import { describe, expect, test } from 'vitest'
import type { ClassRetention } from '../../src/core/retention.ts'
import { waitRoomBytes } from '../../src/retention/room.ts'

function classOf(name: string, whenFull: 'reduce' | 'wait', floorBytes = 0): ClassRetention {
  return { name, floorBytes, whenFull, ladder: [], offlineForMs: 0, delivering: false }
}

describe('room of a class that waits', () => {
  const sale = classOf('sale', 'wait', 50)
  const space = { blockBytesMax: 1_000, bandBytesMax: 20 }
  const room = (others: readonly ClassRetention[], held: Readonly<Record<string, number>>) =>
    waitRoomBytes(sale, [sale, ...others], (name) => held[name] ?? 0, space)

  test('is all that it has not yet taken, whatever others hold above their floors', () => {
    expect(room([classOf('debug', 'reduce')], { sale: 100, debug: 900 })).toBe(900)
  })
  test('leaves the floors of others, each with one band more', () => {
    const others = [classOf('alarm', 'reduce', 300), classOf('process', 'reduce', 100), classOf('debug', 'reduce')]
    expect(room(others, { sale: 100, alarm: 0, process: 700 })).toBe(1_000 - 320 - 120 - 100)
  })
  test('leaves another one that waits what it has, and its floor', () => {
    const other = [classOf('order', 'wait', 200)]
    expect(room(other, { sale: 100, order: 150 })).toBe(700)
    expect(room(other, { sale: 100, order: 450 })).toBe(450)
  })
  test('is its own floor at least', () => {
    const others = [classOf('alarm', 'reduce', 960)]
    expect(room(others, { sale: 10 })).toBe(40)
    expect(room(others, { sale: 60 })).toBe(-10)
  })
})
