// Shapes of what the updater hands out.
import { z } from 'zod'
import type { UpdateStatus } from '../../core/update.ts'
import { HEALTH_STATES, UPDATE_ORIGINS, UPDATE_OUTCOMES, UPDATE_PHASES, UPDATE_WAITS } from '../../core/update.ts'
import { count, micros, shapeOf } from './shape.ts'

const text = z.string()
const slot = z.object({ name: text, isBooted: z.boolean(), isNext: z.boolean(), isGood: z.boolean(), version: text.nullable() })
const job = z.object({
  origin: z.enum(UPDATE_ORIGINS),
  phase: z.enum(UPDATE_PHASES),
  name: text,
  version: text.nullable(),
  by: text,
  share: z.number().nullable(),
  text,
  bytes: count,
  bytesAll: count.nullable(),
  wait: z.object({ code: z.enum(UPDATE_WAITS), text }).nullable(),
})

export const updateNow = shapeOf<UpdateStatus>()(
  z.object({
    version: text,
    slots: z.array(slot),
    job: job.nullable(),
    checks: z.array(z.object({ what: text, state: z.enum(HEALTH_STATES), text })),
    last: z.object({ outcome: z.enum(UPDATE_OUTCOMES), version: text.nullable(), text, at: micros }).nullable(),
    server: z
      .object({
        url: text,
        lastContact: micros.nullable(),
        nextPoll: micros.nullable(),
        lastError: text.nullable(),
        asks: text.nullable(),
      })
      .nullable(),
    minimum: z.object({ generation: count, version: text }).nullable(),
  }),
)
