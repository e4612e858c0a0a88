// What goes in and comes out of operations, as schemas: what OpenAPI shows. The types are those of core; a schema that says something else does not compile.
import { z } from 'zod'
import type { TestStep } from '../core/source.ts'

/** Of a source, an uplink, a secret. */
export const nameInput = z.string().min(1).max(256)

export const testStep: z.ZodType<TestStep> = z.object({
  step: z.string(),
  ok: z.boolean(),
  detail: z.string(),
  remedy: z.string().optional(),
}) as z.ZodType<TestStep>
