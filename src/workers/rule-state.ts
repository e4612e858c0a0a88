// The rules' state as it is kept on disk: compressed, and never longer than its bound. Columns stand apart from what rules say of them
// (rule-columns.ts): a tag that many rules watch is there once.
import { deserialize, serialize } from 'node:v8'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { RULE_STATE_BYTES_MAX } from '../core/bounds.ts'
import type { SavedRules } from '../rules/engine.ts'
import type { HeldColumns } from '../rules/held.ts'
import type { ColumnsWriter, Place } from './rule-columns.ts'
import { columnsReader, columnsWriter } from './rule-columns.ts'

export interface PackedRules {
  readonly bytes: Uint8Array
  /** Found no room: they begin anew after a start. */
  readonly left: readonly string[]
  /** All of it would take so many. */
  readonly bytesWanted: number
}

type SavedRule = SavedRules[string]
type SavedTag = SavedRule['tags'][number]
type SavedWindows = NonNullable<SavedTag['windows']>
type SavedBaseline = NonNullable<SavedTag['baselines']>[string]

/** Without their columns, which stand at `at`. */
interface PackedTag extends Omit<SavedTag, 'windows' | 'baselines'> {
  readonly windows: (Omit<SavedWindows, keyof HeldColumns> & { readonly at: Place }) | undefined
  readonly baselines?: Readonly<Record<string, Omit<SavedBaseline, 'samples'> & { readonly at: Place }>>
}

interface Packed {
  readonly version: 2
  readonly named: readonly (readonly [name: string, of: string, tags: readonly PackedTag[]])[]
  readonly blocks: readonly Uint8Array[]
}

/** The largest that do not fit beside the smaller are left out. */
export function packRules(saved: SavedRules): PackedRules {
  const whole = pack(saved)
  if (whole.length <= RULE_STATE_BYTES_MAX) return { bytes: whole, left: [], bytesWanted: whole.length }
  const bySize = Object.entries(saved)
    .map(([name, it]) => ({ name, it, size: sizeOf(it) }))
    .toSorted((a, b) => a.size - b.size)
  // The largest number of them that fits: those that share a tag take less together than one by one.
  let best = { count: 0, bytes: pack({}) }
  for (let tooMany = bySize.length; tooMany - best.count > 1; ) {
    const count = (best.count + tooMany) >>> 1
    const bytes = pack(Object.fromEntries(bySize.slice(0, count).map(({ name, it }) => [name, it])))
    if (bytes.length <= RULE_STATE_BYTES_MAX) best = { count, bytes }
    else tooMany = count
  }
  return { bytes: best.bytes, left: bySize.slice(best.count).map((it) => it.name), bytesWanted: whole.length }
}

/** Numbers that it holds, more or less. */
function sizeOf({ tags }: SavedRule): number {
  const samples = ({ baselines = {} }: SavedTag) => Object.values(baselines).reduce((sum, it) => sum + it.samples.length, 0)
  return tags.reduce((sum, it) => sum + (it.windows?.value.length ?? 0) + samples(it) + 1, 0)
}

function pack(saved: SavedRules): Uint8Array {
  const columns = columnsWriter()
  const later = Object.entries(saved).map(([name, { of, tags }]) => {
    const packed = tags.map((it) => packTag(it, columns))
    return () => [name, of, packed.map((it) => it())] as const
  })
  const blocks = columns.blocks()
  const packed: Packed = { version: 2, named: later.map((it) => it()), blocks }
  return zstdCompressSync(serialize(packed))
}

/** What it is once the columns have their places. */
function packTag({ tag, held, windows, baselines }: SavedTag, columns: ColumnsWriter): () => PackedTag {
  const window = windows && columns.put(tag, windows)
  const usual = Object.entries(baselines ?? {}).map(([cycle, { samples, ...more }]) => {
    const put = columns.put(`${cycle} ${tag}`, columnsOf(samples))
    return () => [cycle, { ...more, at: put.place() }] as const
  })
  return () => ({
    tag,
    held,
    windows: windows && window && { now: windows.now, told: windows.told, late: windows.late, at: window.place() },
    ...(baselines && { baselines: Object.fromEntries(usual.map((it) => it())) }),
  })
}

/** Samples have no times: their order stands for them. */
function columnsOf(samples: Float64Array): HeldColumns {
  return { time: Float64Array.from(samples, (_, i) => i), value: samples, quality: new Uint8Array(samples.length) }
}

/** Throws where it cannot be read: of a newer Node, before an update was taken back. */
export function unpackRules(state: Uint8Array): SavedRules {
  const found = deserialize(zstdDecompressSync(state)) as Packed | { readonly version: 1; readonly rules: SavedRules }
  if (found.version === 1) return found.rules
  const at = columnsReader(found.blocks)
  return Object.fromEntries(
    found.named.map(([name, of, tags]) => [name, { of, tags: tags.map((it) => unpackTag(it, at)) }] as const),
  )
}

function unpackTag({ tag, held, windows, baselines }: PackedTag, columnsAt: (place: Place) => HeldColumns): SavedTag {
  return {
    tag,
    held,
    windows: windows && { ...columnsAt(windows.at), now: windows.now, told: windows.told, late: windows.late },
    ...(baselines && {
      baselines: Object.fromEntries(
        Object.entries(baselines).map(([cycle, { at, ...more }]) => [cycle, { ...more, samples: columnsAt(at).value }]),
      ),
    }),
  }
}
