// The partition of a key as every Java client chooses it: murmur2 over the key's bytes. Chosen by us and stated in every record that is sent,
// so that a retry never moves a record.

const SEED = 0x9747b28c
const FACTOR = 0x5bd1e995

/** murmur2, 32 bits, as a signed integer. */
export function murmur2(bytes: Uint8Array): number {
  const words = bytes.length >> 2
  let hash = SEED ^ bytes.length
  for (let i = 0; i < words; i++) {
    const at = i << 2
    let word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    word = Math.imul(word, FACTOR)
    word ^= word >>> 24
    hash = Math.imul(hash, FACTOR) ^ Math.imul(word, FACTOR)
  }
  const rest = words << 2
  const left = bytes.length & 3
  if (left >= 3) hash ^= (bytes[rest + 2] as number) << 16
  if (left >= 2) hash ^= (bytes[rest + 1] as number) << 8
  if (left >= 1) hash = Math.imul(hash ^ (bytes[rest] as number), FACTOR)
  hash ^= hash >>> 13
  hash = Math.imul(hash, FACTOR)
  return hash ^ (hash >>> 15)
}

/** 0 … count-1. */
export function partitionOf(key: Uint8Array, count: number): number {
  return (murmur2(key) & 0x7fffffff) % count
}
