// The parts of a file on a server that are lacking, by one request for each run of them.
import type { IncomingMessage } from 'node:http'
import { Unreachable } from '../core/errors.ts'
import { formatBytes } from '../core/units.ts'
import type { Chunk } from './bundle-index.ts'
import { refusal } from './download.ts'
import type { HttpRequest } from './http.ts'
import { httpFollowed, SILENT_MS_MAX } from './http.ts'

/** To ask once more takes about as long as so many bytes. */
export const JOIN_BYTES_MAX = 16_384

export interface Run {
  readonly from: number
  /** Behind the last. */
  readonly to: number
}

/** Neighbours in one, and with them what lies so close that the bytes between cost less than another request. */
export function runsOf(chunks: readonly Chunk[]): Run[] {
  const runs: { from: number; to: number }[] = []
  for (const { at, bytes } of chunks) {
    const last = runs.at(-1)
    if (last && at - last.to <= JOIN_BYTES_MAX) last.to = at + bytes
    else runs.push({ from: at, to: at + bytes })
  }
  return runs
}

/** The server gives no parts, or not of the file that the index is of. */
export class NotByParts extends Error {}

/** Piece by piece, in their order. Throws Unreachable where it is cut. */
export async function* rangeOf(url: string, { from, to }: Run, all: number, request: HttpRequest): AsyncGenerator<Buffer> {
  const headers = { ...request.headers, accept: '*/*', range: `bytes=${from}-${to - 1}` }
  const answer = await httpFollowed(url, { ...request, headers })
  try {
    admit(url, answer, from, all)
    let at = from
    for await (const piece of piecesOf(answer, request.signal)) {
      at += piece.length
      if (at > to) throw new NotByParts(`${new URL(url).host} sends more than it was asked for`)
      yield piece
    }
    if (at < to) throw cut(`it ended after ${formatBytes(at - from)} of ${formatBytes(to - from)}`)
  } finally {
    answer.destroy()
  }
}

/** What comes of an answer until it is cut. Throws Unreachable then. */
export async function* piecesOf(answer: IncomingMessage, signal: AbortSignal): AsyncGenerator<Buffer> {
  answer.setTimeout(SILENT_MS_MAX, () => answer.destroy(new Error('it fell silent')))
  const pieces = (answer as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  for (let bytes = 0; ; ) {
    const next = await pieces.next().catch((cause: Error) => {
      throw signal.aborted ? cause : cut(`after ${formatBytes(bytes)}: ${cause.message}`, cause)
    })
    if (next.done) return
    bytes += next.value.length
    yield next.value
  }
}

function cut(text: string, cause?: Error): Unreachable {
  return new Unreachable('update-cut', text, { cause })
}

function admit(url: string, { statusCode = 0, headers }: IncomingMessage, from: number, all: number): void {
  const { host } = new URL(url)
  if (statusCode === 200) throw new NotByParts(`${host} gives no parts of it`)
  if (statusCode === 416) throw new NotByParts(`${host} has another bundle there`)
  if (statusCode !== 206) throw refusal(url, statusCode)
  const [, begin, length] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? []
  if (Number(begin) !== from) throw new NotByParts(`${host} gives another part than it was asked for`)
  if (length !== '*' && Number(length) !== all) throw new NotByParts(`${host} has another bundle there`)
}
