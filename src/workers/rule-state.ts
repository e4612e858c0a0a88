// The rules' state as it is kept on disk: compressed, and never longer than its bound.
import { deserialize, serialize } from 'node:v8'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { RULE_STATE_BYTES_MAX } from '../core/bounds.ts'
import type { SavedRules } from '../rules/engine.ts'

export interface PackedRules {
  readonly bytes: Uint8Array
  /** Found no room: they begin anew after a start. */
  readonly left: readonly string[]
  /** All of it would take so many. */
  readonly bytesWanted: number
}

const pack = (rules: SavedRules): Uint8Array => zstdCompressSync(serialize({ version: 1, rules }))

/** The largest that do not fit beside the smaller are left out. */
export function packRules(saved: SavedRules): PackedRules {
  const whole = pack(saved)
  if (whole.length <= RULE_STATE_BYTES_MAX) return { bytes: whole, left: [], bytesWanted: whole.length }
  const bySize = Object.entries(saved)
    .map(([name, it]) => ({ name, it, bytes: pack({ [name]: it }).length }))
    .toSorted((a, b) => a.bytes - b.bytes)
  let sum = 0
  let kept = bySize.filter((it) => (sum += it.bytes) <= RULE_STATE_BYTES_MAX)
  // Together they may take more than one by one.
  for (;;) {
    const bytes = pack(Object.fromEntries(kept.map(({ name, it }) => [name, it])))
    const left = bySize.slice(kept.length).map((it) => it.name)
    if (bytes.length <= RULE_STATE_BYTES_MAX || kept.length === 0) return { bytes, left, bytesWanted: whole.length }
    kept = kept.slice(0, -1)
  }
}

/** Throws where it cannot be read: of a newer Node, before an update was taken back. */
export function unpackRules(state: Uint8Array): SavedRules {
  const { rules } = deserialize(zstdDecompressSync(state)) as { rules: SavedRules }
  return rules
}
