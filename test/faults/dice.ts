// Repeatable chance: a number gives a row of numbers.

export interface Dice {
  /** 0 to below 1. */
  next(): number
  /** A whole number from 0 to below n. */
  below(n: number): number
  oneOf<T>(list: readonly T[]): T
  /** True once in `n` on average. */
  once(n: number): boolean
}

/** Several numbers make one row: a seed, the round, what for. */
export function createDice(...seed: readonly number[]): Dice {
  let state = 0x9e3779b9
  for (const it of seed) state = mix(state ^ mix(it | 0) ^ mix(Math.floor(it / 2 ** 32)))
  const next = () => {
    state = (state + 0x9e3779b9) | 0
    return mix(state) / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  return {
    next,
    below,
    oneOf: <T>(list: readonly T[]) => list[below(list.length)] as T,
    once: (n) => below(n) === 0,
  }
}

/** Murmur's finish: every bit of the input moves every bit of the output. */
function mix(n: number): number {
  let it = n | 0
  it = Math.imul(it ^ (it >>> 16), 0x85ebca6b)
  it = Math.imul(it ^ (it >>> 13), 0xc2b2ae35)
  return (it ^ (it >>> 16)) >>> 0
}
