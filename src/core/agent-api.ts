// What the agent offers on its local sockets, as functions. The server hands them out, the client calls them, commands see only this.
import type { Quality, Value } from './reading.ts'
import type { TestStep } from './source.ts'
import type { Status } from './status.ts'

export interface QueryRequest {
  readonly tag: string
  /** Microseconds since 1970 UTC, by source time, [from, to). */
  readonly from: number
  readonly to: number
  /** Cut into windows of so many microseconds: one row a window. */
  readonly every?: number
  readonly limit: number
}

export interface QueryRow {
  readonly time: number
  readonly value: Value | null
  readonly quality: Quality
  readonly status: number
  readonly sequence: number
  readonly received: number
  readonly class: string
  readonly unit?: string
  /** With `every`: over the numbers of good quality in the window that begins at `time`. */
  readonly window?: {
    readonly count: number
    readonly min: number
    readonly max: number
    readonly mean: number
    readonly first: number
    readonly last: number
  }
}

export interface AgentApi {
  status(): Promise<Status>
  testSource(name: string, signal: AbortSignal): AsyncIterable<TestStep>
  testUplink(name: string, signal: AbortSignal): AsyncIterable<TestStep>
  query(request: QueryRequest, signal: AbortSignal): AsyncIterable<QueryRow>
}

/** view.sock or operate.sock: which of the two sockets offers a call. */
export const ROLES = {
  status: 'view',
  query: 'view',
  testSource: 'operate',
  testUplink: 'operate',
} as const satisfies Record<keyof AgentApi, 'view' | 'operate'>
