// The updater's verbs. None takes a path or a program: a bundle comes by https, from the stick by its name, or in pieces; RAUC checks its signature.
import { z } from 'zod'
import type { UpdateApi, UpdateVerb } from '../core/update.ts'
import type { Verb } from '../machine/verb.ts'

const by = z.string().min(1).max(128)
const URL_ALLOWED = 'must be an https:// address without a user in it'
const url = z
  .string()
  .max(2_000)
  .regex(/^https:\/\/[^\s@]+$/, { error: URL_ALLOWED })
  .refine((it) => URL.canParse(it), { error: URL_ALLOWED })
const stick = z
  .string()
  .regex(/^[0-9A-Za-z][0-9A-Za-z._+-]{0,120}\.raucb$/, { error: 'must be the name of a file that ends in .raucb' })
const from = z.union([z.strictObject({ url }), z.strictObject({ stick }), z.strictObject({ taken: z.literal(true) })])
const OFFSET_MAX = 2_000_000_000

export const UPDATE_VERBS: readonly Verb<UpdateApi>[] = [
  verb('status', z.strictObject({}), (_, api) => api.status()),
  verb('check', z.strictObject({}), (_, api) => api.check()),
  verb('take', z.strictObject({ offset: z.int().min(0).max(OFFSET_MAX), base64: z.base64() }), (it, api) =>
    api.take(it.offset, it.base64),
  ),
  verb('install', z.strictObject({ from, by }), (it, api) => api.install(it.from, it.by)),
  verb('confirm', z.strictObject({ by }), (it, api) => api.confirm(it.by)),
  verb('cancel', z.strictObject({ by }), (it, api) => api.cancel(it.by)),
  verb('rollBack', z.strictObject({ by }), (it, api) => api.rollBack(it.by)),
]

function verb<In extends z.ZodType>(
  name: UpdateVerb,
  input: In,
  run: (input: z.output<In>, api: UpdateApi) => Promise<unknown>,
): Verb<UpdateApi> {
  return { name, input, isOffered: () => true, run: run as Verb<UpdateApi>['run'] }
}
