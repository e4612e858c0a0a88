import { expect } from 'vitest'

/** 0, 1, 2 … of each raw stream, each once, `count` in all. */
export function isOnce(streams: ReadonlyMap<string, readonly number[]>, count: number): void {
  const raw = [...streams].filter(([key]) => key.endsWith(':raw'))
  for (const [, all] of raw) expect(all).toEqual(Array.from({ length: all.length }, (_, n) => n))
  expect(raw.reduce((sum, [, all]) => sum + all.length, 0)).toBe(count)
}
