// A verb of a socket: a name, what it takes, what it does. Nothing else can be asked for, and none takes a path or a program.
import type { z } from 'zod'

export interface Verb<Parts> {
  readonly name: string
  readonly input: z.ZodType
  /** Whether this system has what it takes. */
  isOffered(parts: Parts): boolean
  run(input: unknown, parts: Parts): Promise<unknown>
}
