// The index of a bundle from the server, kept beside what it is for: a download that goes on days later does not fetch it again.
import { open, readFile } from 'node:fs/promises'
import type { BundleIndex } from './bundle-index.ts'
import { INDEX_BYTES_MAX, parseIndex } from './bundle-index.ts'
import type { Wanted } from './download.ts'
import { refusal } from './download.ts'
import type { HttpRequest } from './http.ts'
import { httpFollowed } from './http.ts'
import { readFrom, writeFrom } from './part.ts'
import { piecesOf } from './ranges.ts'

export interface IndexPlace {
  readonly url: string
  readonly request: Omit<HttpRequest, 'signal'>
}

/** Of a bundle that no update server speaks of. */
export function indexBeside(url: string): string {
  const index = new URL(url)
  index.pathname += '.index'
  return index.href
}

/** Or why there is none. Throws Unreachable where that is not known yet. */
export async function indexFor(
  wanted: Wanted & { readonly index: IndexPlace | null },
  signal: AbortSignal,
): Promise<BundleIndex | string> {
  const { url, file } = wanted
  const known = await readFrom(file)
  const way = known?.url === url ? known.way : undefined
  if (way === 'whole') return 'by its index it did not come together'
  const kept = way === 'chunks' ? await readFile(`${file}.index`).catch(() => undefined) : undefined
  const ofKept = kept && indexOf(kept, wanted)
  if (ofKept && typeof ofKept !== 'string') return ofKept
  if (!wanted.index) return 'it has no index'
  const came = await indexFrom(wanted.index, signal)
  if (typeof came === 'string') return came
  const index = indexOf(came, wanted)
  if (typeof index === 'string') return index
  await keep(`${file}.index`, came)
  // From here on there may be holes.
  await writeFrom(file, { url, tag: '', bytes: index.bytes, way: 'chunks' })
  return index
}

function indexOf(file: Buffer, { bytes, sha256 }: Wanted): BundleIndex | string {
  const index = parseIndex(file)
  if (!index) return 'its index cannot be read'
  const isOfIt = (bytes === null || index.bytes === bytes) && (sha256 === null || index.sha256 === sha256)
  return isOfIt ? index : 'the index beside it is of another bundle'
}

async function indexFrom({ url, request }: IndexPlace, signal: AbortSignal): Promise<Buffer | string> {
  const answer = await httpFollowed(url, { ...request, headers: { ...request.headers, accept: '*/*' }, signal })
  try {
    const { statusCode = 0 } = answer
    // A store that lists nothing says "denied" of what it does not have.
    if (statusCode >= 400 && statusCode < 500 && !COME_BACK.has(statusCode)) return `it has no index (${statusCode})`
    if (statusCode !== 200) throw refusal(url, statusCode)
    const pieces: Buffer[] = []
    let bytes = 0
    for await (const piece of piecesOf(answer, signal)) {
      pieces.push(piece)
      bytes += piece.length
      if (bytes > INDEX_BYTES_MAX) return 'its index is too long'
    }
    return Buffer.concat(pieces)
  } finally {
    answer.destroy()
  }
}

/** Too slow, too often. */
const COME_BACK = new Set([408, 429])

async function keep(path: string, content: Buffer): Promise<void> {
  const handle = await open(path, 'w', 0o600)
  try {
    await handle.writeFile(content)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}
