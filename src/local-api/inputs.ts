// What each call takes, checked before anything is called. Apart from wire.ts, so that a client need not load zod.
import { z } from 'zod'
import type { Call } from './wire.ts'

/** Rows of one query; who wants more asks in parts. */
const QUERY_ROWS_MAX = 100_000_000

const named = z.strictObject({ name: z.string().min(1).max(256) })
const micros = z.int()
const query = z.strictObject({
  tag: z.string().min(1).max(4_096),
  from: micros,
  to: micros,
  every: z.int().min(1).optional(),
  limit: z.int().min(1).max(QUERY_ROWS_MAX),
})

export const INPUTS = { status: z.strictObject({}), testSource: named, testUplink: named, query } as const satisfies Record<
  Call,
  z.ZodType
>
