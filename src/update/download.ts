// A whole bundle into a file, across any number of tries, days and restarts: what is there is not fetched again.
// Bytes of another version of the file are never joined to these. `part` says what is on the disk meanwhile.
import type { FileHandle } from 'node:fs/promises'
import { open, rename, rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { BadInput, Unreachable } from '../core/errors.ts'
import { formatBytes } from '../core/units.ts'
import type { HttpRequest } from './http.ts'
import { httpFollowed, SILENT_MS_MAX } from './http.ts'
import { forget, readFrom, sha256Of, writeFrom } from './part.ts'

export interface Wanted {
  readonly url: string
  readonly file: string
  /** As whoever offers it says. */
  readonly bytes: number | null
  readonly sha256: string | null
  readonly request: Omit<HttpRequest, 'signal'>
}

/** Nothing that a slot takes is larger. */
export const BUNDLE_BYTES_MAX = 2_000_000_000
export const SYNC_BYTES = 4_000_000

/** Resolves once the file is whole. Rejects with Unreachable: try again, what came stays. BadInput: what is there is not what was promised. */
export async function download(
  wanted: Wanted,
  at: (bytes: number, all: number | null) => void,
  signal: AbortSignal,
): Promise<void> {
  if (await isThere(wanted)) return
  const part = `${wanted.file}.part`
  const begun = await beginOf(wanted)
  const answer = await httpFollowed(wanted.url, {
    ...wanted.request,
    signal,
    headers: {
      ...wanted.request.headers,
      accept: '*/*',
      ...(begun && { range: `bytes=${begun.bytes}-`, 'if-range': begun.tag }),
    },
  })
  if (answer.statusCode !== 416) await take(wanted, answer, begun?.bytes ?? 0, at, signal)
  else answer.destroy()
  await whole(wanted, part)
}

/** Fetched in an earlier life. */
export async function isThere({ file, bytes, sha256 }: Wanted): Promise<boolean> {
  const found = await stat(file).catch(() => undefined)
  if (!found) return false
  if ((bytes === null || found.size === bytes) && sha256 !== null && (await sha256Of(file)) === sha256) return true
  await forget(file)
  return false
}

async function beginOf({ url, file }: Wanted): Promise<{ bytes: number; tag: string } | undefined> {
  const known = await readFrom(file)
  const found = await stat(`${file}.part`).catch(() => undefined)
  if (!known || !found || known.url !== url || known.tag === '' || found.size === 0) return undefined
  return { bytes: found.size, tag: known.tag }
}

async function take(
  wanted: Wanted,
  answer: IncomingMessage,
  had: number,
  at: (bytes: number, all: number | null) => void,
  signal: AbortSignal,
): Promise<void> {
  const isRest = answer.statusCode === 206 && restFrom(answer) === had && had > 0
  if (!isRest && answer.statusCode !== 200) {
    answer.destroy()
    throw refusal(wanted.url, answer.statusCode ?? 0)
  }
  const start = isRest ? had : 0
  const all = wanted.bytes ?? lengthOf(answer, start)
  if (all !== null && all > BUNDLE_BYTES_MAX) {
    answer.destroy()
    throw new BadInput([{ where: wanted.url, text: `${formatBytes(all)} are more than a slot takes` }])
  }
  if (!isRest) await note(wanted, answer, all)
  const file = await open(`${wanted.file}.part`, isRest ? 'a' : 'w', 0o600)
  try {
    await write(file, answer, { start, all }, at, signal)
  } finally {
    await file.close()
  }
}

async function note({ url, file }: Wanted, { headers }: IncomingMessage, all: number | null): Promise<void> {
  await rm(`${file}.part`, { force: true })
  // A weak one may stand for other bytes.
  const tag = headers.etag?.startsWith('"') ? headers.etag : (headers['last-modified'] ?? '')
  const known = await readFrom(file)
  await writeFrom(file, { url, tag, bytes: all, ...(known?.url === url && known.way === 'whole' && { way: known.way }) })
}

async function write(
  file: FileHandle,
  answer: IncomingMessage,
  { start, all }: { start: number; all: number | null },
  at: (bytes: number, all: number | null) => void,
  signal: AbortSignal,
): Promise<void> {
  let bytes = start
  let synced = start
  answer.setTimeout(SILENT_MS_MAX, () => answer.destroy(new Error('it fell silent')))
  try {
    for await (const piece of answer as AsyncIterable<Buffer>) {
      bytes += piece.length
      if (bytes > (all ?? BUNDLE_BYTES_MAX)) throw new BadInput([{ where: 'bundle', text: 'is longer than it was said to be' }])
      await file.write(piece)
      if (bytes - synced > SYNC_BYTES) {
        await file.datasync()
        synced = bytes
      }
      at(bytes, all)
    }
  } catch (cause) {
    if (signal.aborted || cause instanceof BadInput || (cause as { code?: string }).code === 'ENOSPC') throw cause
    throw new Unreachable('update-cut', `after ${formatBytes(bytes)}: ${(cause as Error).message}`, { cause })
  } finally {
    await file.datasync().catch(() => undefined)
  }
  if (all !== null && bytes < all)
    throw new Unreachable('update-cut', `it ended after ${formatBytes(bytes)} of ${formatBytes(all)}`)
}

export async function whole({ file, bytes, sha256 }: Wanted, part: string): Promise<void> {
  const { size } = await stat(part)
  const isRight = (bytes === null || size === bytes) && (sha256 === null || (await sha256Of(part)) === sha256)
  if (!isRight) {
    await forget(file)
    throw new BadInput([{ where: 'bundle', text: 'is not what was promised: its length or its SHA-256 is another' }])
  }
  await rename(part, file)
  for (const it of [`${file}.from`, `${file}.index`]) await rm(it, { force: true })
}

function restFrom({ headers }: IncomingMessage): number | undefined {
  const found = /^bytes (\d+)-\d+\//.exec(headers['content-range'] ?? '')?.[1]
  return found === undefined ? undefined : Number(found)
}

function lengthOf({ headers }: IncomingMessage, start: number): number | null {
  const length = headers['content-length']
  return length === undefined ? null : start + Number(length)
}

export function refusal(url: string, status: number): Unreachable | BadInput {
  const text = `${new URL(url).host} answers ${status}`
  if (status === 404 || status === 410) return new BadInput([{ where: new URL(url).pathname, text: `${text}: it is not there` }])
  return new Unreachable('update-refused', text, { isDenied: status === 401 || status === 403 })
}
