// The panel's API: `sources browse` is POST /api/v1/sources/browse. Rows come as NDJSON, or as server-sent events where there is no end.
import { fromJson, toJson } from '../../core/json.ts'
import { ApiError, CUT, errorOf, unpackError } from './errors.ts'
import type { Answers, Rows } from './operations.ts'

/** What the panel wants beside the cookie, and who is told that a session has ended. */
interface Access {
  csrf: string | undefined
  ended: () => void
}

export const access: Access = { csrf: undefined, ended: () => {} }

export async function call<Name extends keyof Answers>(
  name: Name,
  input: Answers[Name]['in'],
  signal?: AbortSignal,
): Promise<Answers[Name]['out']> {
  return (await send(name, input, signal)) as Answers[Name]['out']
}

/** One answer of an operation that the list of operations does not have: those of access. */
export async function send(name: string, input: unknown, signal?: AbortSignal): Promise<unknown> {
  const response = await post(name, input, 'application/json', signal)
  return parse(await response.text(), response.status)
}

/** Rows as they come; ends when they end, or when the signal aborts. */
export async function* rows<Name extends keyof Rows>(
  name: Name,
  input: Rows[Name]['in'],
  signal: AbortSignal,
): AsyncGenerator<Rows[Name]['out']> {
  const isEndless = name === 'live'
  const response = await post(name, input, isEndless ? 'text/event-stream' : 'application/x-ndjson', signal)
  for await (const line of linesOf(response)) {
    const row = rowOf(line, response.status)
    if (row === DONE) return
    if (row !== undefined) yield row as Rows[Name]['out']
  }
  if (!signal.aborted) throw new ApiError({ code: CUT, status: 0, text: 'the answer ended early' })
}

async function post(name: string, input: unknown, accept: string, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept, 'content-type': 'application/json' }
  if (access.csrf !== undefined) headers['x-csrf-token'] = access.csrf
  const request = { method: 'POST', headers, body: toJson(input), ...(signal && { signal }) }
  const response = await fetch(pathOf(name), request).catch((error: unknown) => {
    if (signal?.aborted) throw error
    throw errorOf(error)
  })
  if (response.ok) return response
  return refused(response)
}

async function refused(response: Response): Promise<never> {
  const error = unpackError(parse(await response.text(), response.status), response.status)
  // A wrong password is 401 too, and ends nothing.
  if (error.code === 'no-session') access.ended()
  throw error
}

const pathOf = (name: string) => `/api/v1/${name.replaceAll(' ', '/')}`

function parse(text: string, status: number): unknown {
  if (text === '') return null
  try {
    return fromJson(text)
  } catch {
    throw new ApiError({ code: 'not-json', status, text: `HTTP ${status}: the answer is no JSON` })
  }
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream() as never).getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = (await reader.read()) as { done: boolean; value?: string }
      if (done) break
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
    if (rest !== '') yield rest
  } finally {
    await reader.cancel().catch(() => {})
  }
}

const DONE = Symbol('done')

/** A line of NDJSON, or the data of an event; undefined: it says nothing. */
function rowOf(line: string, status: number): unknown {
  const text = line.startsWith('data:') ? line.slice(5) : line
  if (!text.trimStart().startsWith('{')) return undefined
  const packed = parse(text, status) as { row?: unknown; done?: boolean; error?: unknown }
  if (packed.error !== undefined) throw unpackError(packed, status)
  return packed.done === true ? DONE : packed.row
}
