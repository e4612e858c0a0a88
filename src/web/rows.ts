// Many rows: as lines of JSON, or as server-sent events where the client asks for them.
//
//   NDJSON  {"row": …}\n … {"done":true}\n             {"error": …}\n as the last line where it fails
//   SSE     the same, each as the data of an event; a row that says its position is one with that id
//
// An answer without its end was cut.
import { once } from 'node:events'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../core/source.ts'
import { toJson } from '../core/json.ts'
import { errorOf, fail, statusOf } from './refuse.ts'

/** Rows are sent together up to so many characters, or when none follows at once. */
const CHUNK_CHARS = 16_384
/** A quiet stream shows that it lives, and whoever asks no more is found out. */
const BEAT_MS = 10_000

interface Form {
  readonly type: string
  row(row: unknown): string
  readonly done: string
  failed(error: unknown): string
  readonly beat: string
}

const LINES: Form = {
  type: 'application/x-ndjson',
  row: (row) => `${toJson({ row })}\n`,
  done: `${toJson({ done: true })}\n`,
  failed: (error) => `${toJson({ error: errorOf(error) })}\n`,
  beat: '',
}

const EVENTS: Form = {
  type: 'text/event-stream',
  row: (row) => `${idOf(row)}data: ${LINES.row(row)}\n`,
  done: `data: ${LINES.done}\n`,
  failed: (error) => `data: ${LINES.failed(error)}\n`,
  beat: ':\n\n',
}

const idOf = (row: unknown): string => {
  const { position } = row as { position?: unknown }
  return typeof position === 'string' ? `id: ${position}\n` : ''
}

export interface Stream {
  readonly rows: AsyncIterable<unknown>
  readonly gone: AbortController
  /** False: whoever asks may not any more. */
  mayStill(): boolean
  readonly log: Logger
}

export async function sendRows(request: FastifyRequest, reply: FastifyReply, stream: Stream): Promise<void> {
  const form = request.method === 'GET' || request.headers.accept?.includes('text/event-stream') ? EVENTS : LINES
  const { raw } = reply
  const { gone } = stream
  raw.once('close', () => gone.abort())
  let pending = ''
  let soon: NodeJS.Immediate | undefined
  const begin = (): void => {
    if (raw.headersSent) return
    reply.hijack()
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': form.type,
      'cache-control': 'no-store',
    })
  }
  const flush = (): void => {
    clearImmediate(soon)
    soon = undefined
    if (pending === '' || gone.signal.aborted) return
    begin()
    raw.write(pending)
    pending = ''
  }
  const beat = setInterval(() => {
    if (!stream.mayStill()) gone.abort()
    if (gone.signal.aborted) raw.destroy()
    else {
      pending += form.beat
      flush()
    }
  }, BEAT_MS)
  try {
    // Server-sent events say at once that they are there. Of those that resume the first row does, and what is wrong has a status of its own.
    if (form === EVENTS && request.method !== 'GET') begin()
    for await (const row of stream.rows) {
      if (raw.writableNeedDrain) await once(raw, 'drain', { signal: gone.signal }).catch(() => undefined)
      if (gone.signal.aborted) return
      pending += form.row(row)
      if (pending.length >= CHUNK_CHARS) flush()
      else soon ??= setImmediate(flush)
    }
    pending += form.done
  } catch (error) {
    if (gone.signal.aborted) return
    if (!raw.headersSent && pending === '') return void fail(reply, error, stream.log)
    if (statusOf(error) === 500) stream.log.error({ err: error, url: request.url.split('?')[0] }, 'a request failed')
    pending += form.failed(error)
  } finally {
    clearInterval(beat)
    flush()
    if (raw.headersSent) raw.end()
  }
}
