import type { Problem } from '../../core/errors.ts'
import { BadInput } from '../../core/errors.ts'

/** What went wrong, for a person: what, and what to do. `code` is stable and has a page in the manual. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: string
  readonly status: number
  readonly remedy: string | undefined
  readonly problems: readonly Problem[]
  constructor(it: { code: string; text: string; status: number; remedy?: string | undefined; problems?: readonly Problem[] }) {
    super(it.text)
    this.code = it.code
    this.status = it.status
    this.remedy = it.remedy
    this.problems = it.problems ?? []
  }
}

export const UNREACHABLE = 'panel-unreachable'
export const CUT = 'answer-cut'

export function errorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof BadInput) {
    return new ApiError({
      code: 'bad-input',
      status: 0,
      text: error.problems[0]?.text ?? error.message,
      problems: error.problems,
    })
  }
  // fetch says so, and nothing else, of every failure of the network.
  if (error instanceof TypeError) return new ApiError({ code: UNREACHABLE, status: 0, text: error.message })
  return new ApiError({ code: 'page-failed', status: 0, text: error instanceof Error ? error.message : String(error) })
}

/** As it travels: `{ error: { name, code?, text, remedy?, problems? } }`. */
export function unpackError(body: unknown, status: number): ApiError {
  const packed = (body as { error?: Partial<WireError> } | null)?.error ?? {}
  const text = packed.text ?? `HTTP ${status}`
  const code = packed.code ?? (packed.name === 'BadInput' ? 'bad-input' : `http-${status}`)
  return new ApiError({ code, text, status, remedy: packed.remedy, problems: packed.problems ?? [] })
}

interface WireError {
  readonly name: string
  readonly code: string
  readonly text: string
  readonly remedy: string
  readonly problems: readonly Problem[]
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
