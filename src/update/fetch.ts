// A bundle from a server, by as few bytes as can be: by its index only what neither FILE.part nor the slot that runs has; without one, whole.
//
//   index ──► FILE.part: what is right there ──► the slot that runs: what it has ──► the server: the rest, by ranges ──► SHA-256 ──► FILE
//     │ none                                                                              │ no ranges, or not what the index says
//     └───────────────────────────────► whole (download) ◄────────────────────────────────┘ and it stays at that
//
// An index only says what to fetch: where it lies, its bundle does not come together, and is fetched whole. That a bundle is ours, RAUC says.
import { BadInput } from '../core/errors.ts'
import { formatBytes } from '../core/units.ts'
import type { Assembly } from './assemble.ts'
import { openAssembly } from './assemble.ts'
import type { BundleIndex, Chunk } from './bundle-index.ts'
import type { Wanted } from './download.ts'
import { download, isThere, whole } from './download.ts'
import { treeBytes, treeOf } from './hash-tree.ts'
import { openLine } from './http.ts'
import type { IndexPlace } from './index-fetch.ts'
import { indexFor } from './index-fetch.ts'
import { forget, writeFrom } from './part.ts'
import type { Run } from './ranges.ts'
import { NotByParts, rangeOf, runsOf } from './ranges.ts'

export interface Source extends Wanted {
  /** Null: it has none. */
  readonly index: IndexPlace | null
  /** What the slot that runs lies on; undefined: nobody knows. It is only read. */
  readonly device: string | undefined
}

/** Of what has to be fetched; all: null where nobody knows. */
export type At = (bytes: number, all: number | null) => void

/** As `download`; `said` hears once of each bundle why it is fetched whole. */
export function createFetch(said: (text: string) => void) {
  let told: string | undefined
  const sayWhole = (url: string, why: string): void => {
    if (told !== url) said(`the bundle is fetched whole: ${why}`)
    told = url
  }
  return async (source: Source, at: At, signal: AbortSignal): Promise<void> => {
    if (source.sha256 !== null && (await isThere(source))) return
    const index = await indexFor(source, signal)
    if (typeof index === 'string') sayWhole(source.url, index)
    else
      try {
        return await byIndex(source, index, at, said, signal)
      } catch (error) {
        if (!(error instanceof NotByParts)) throw error
        sayWhole(source.url, error.message)
        await forget(source.file)
        // Not by its index a second time, whenever it goes on.
        await writeFrom(source.file, { url: source.url, tag: '', bytes: null, way: 'whole' })
      }
    await download(source, at, signal)
  }
}

async function byIndex(source: Source, index: BundleIndex, at: At, said: (text: string) => void, signal: AbortSignal) {
  const promised = { ...source, bytes: index.bytes, sha256: index.sha256 }
  if (await isThere(promised)) return
  const part = `${source.file}.part`
  const assembly = await openAssembly(part, index, signal)
  try {
    if (assembly.lacking().length > 0) await copied(assembly, source.device, said, signal)
    const ofTree = treeChunks(index)
    const first = assembly.lacking().filter((it) => !ofTree.has(it))
    said(`of ${formatBytes(index.bytes)}, ${formatBytes(bytesIn(runsOf(first)))} are fetched: the rest is here`)
    await fetched(source, index, assembly, first, at, signal)
    await grown(assembly, index, ofTree, signal)
    await fetched(source, index, assembly, assembly.lacking(), at, signal)
  } finally {
    await assembly.close()
  }
  await whole(promised, part).catch((error: unknown) => {
    throw error instanceof BadInput ? new NotByParts('what came together by its index is not the bundle') : error
  })
}

/** Without the slot more is fetched, and that is all. */
async function copied(assembly: Assembly, device: string | undefined, said: (text: string) => void, signal: AbortSignal) {
  if (device === undefined) return
  await assembly.copyFrom(device, signal).catch((error: NodeJS.ErrnoException) => {
    if (signal.aborted || error.code === 'ENOSPC') throw error
    said(`the slot that runs cannot be read (${error.code ?? error.message}): more is fetched`)
  })
}

/** What of the hash tree no chunk shares with anything else. */
function treeChunks({ tree, chunks }: BundleIndex): ReadonlySet<Chunk> {
  if (!tree) return new Set()
  const end = tree.dataBytes + treeBytes(tree.dataBytes)
  return new Set(chunks.filter((it) => it.at >= tree.dataBytes && it.at + it.bytes <= end))
}

/** Where it does not come out as the index says it is fetched like the rest. */
async function grown(assembly: Assembly, { tree }: BundleIndex, chunks: ReadonlySet<Chunk>, signal: AbortSignal): Promise<void> {
  if (!tree || !assembly.lacking().some((it) => chunks.has(it))) return
  const all = await treeOf(assembly.read(tree.dataBytes, signal), tree.salt)
  for (const chunk of chunks)
    await assembly.put(chunk, all.subarray(chunk.at - tree.dataBytes, chunk.at - tree.dataBytes + chunk.bytes))
  await assembly.sync()
}

const bytesIn = (runs: readonly Run[]): number => runs.reduce((sum, { from, to }) => sum + to - from, 0)

async function fetched(
  source: Source,
  index: BundleIndex,
  assembly: Assembly,
  chunks: readonly Chunk[],
  at: At,
  signal: AbortSignal,
): Promise<void> {
  if (chunks.length === 0) return
  const runs = runsOf(chunks)
  const all = bytesIn(runs)
  const line = openLine()
  let bytes = 0
  at(bytes, all)
  try {
    for (const run of runs) {
      const pieces = rangeOf(source.url, run, index.bytes, { ...source.request, line, signal })
      for await (const { chunk, content } of chunksIn(pieces, run, index.chunks)) {
        if (!(await assembly.put(chunk, content))) throw new NotByParts('the server sends what its index does not say')
        bytes += content.length
        at(bytes, all)
      }
    }
  } finally {
    line.close()
    await assembly.sync().catch(() => undefined)
  }
}

/** What comes, by chunks. */
async function* chunksIn(
  pieces: AsyncIterable<Buffer>,
  run: Run,
  chunks: readonly Chunk[],
): AsyncGenerator<{ readonly chunk: Chunk; readonly content: Buffer }> {
  const expected = chunks.filter((it) => it.at >= run.from && it.at < run.to)
  let rest: Buffer = Buffer.alloc(0)
  let next = 0
  for await (const piece of pieces) {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    let used = 0
    for (let chunk = expected[next]; chunk && used + chunk.bytes <= rest.length; chunk = expected[++next]) {
      yield { chunk, content: rest.subarray(used, used + chunk.bytes) }
      used += chunk.bytes
    }
    rest = rest.subarray(used)
  }
}
