import { z } from 'zod'
import { FOLLOW_POSITION_CHARS_MAX } from '../../core/bounds.ts'
import type { FollowRequest, FollowRow } from '../../core/follow.ts'
import { FOLLOWED_FORMS } from '../../core/follow.ts'
import { LOSS_ACTIONS, queryRowFields, tagsInput } from './log.ts'
import { count, maybe, micros, shapeOf } from './shape.ts'

const text = z.string()
const form = z.enum(FOLLOWED_FORMS)

/** As it is asked for: times in all the ways that people write them. */
export const followInput = z.strictObject({
  from: z
    .union([text.min(1).max(FOLLOW_POSITION_CHARS_MAX), z.int()])
    .default('now')
    .describe('beginning, now, a position, or a time: received from then on'),
  tag: maybe(tagsInput).describe('a tag or a pattern, several times'),
  class: maybe(tagsInput).describe('the same of classes'),
  form: maybe(z.union([form, z.array(form).min(1).max(FOLLOWED_FORMS.length)])).describe('absent: all'),
})

export type FollowInput = Partial<Pick<FollowRequest, 'from' | 'tag' | 'class'>> & Pick<z.output<typeof followInput>, 'form'>

const position = text.describe('where to go on behind this row')

export const followRow = shapeOf<FollowRow>()(
  z.union([
    z.object({ ...queryRowFields, type: z.enum(['reading', 'aggregate']), position }),
    z.object({
      type: z.literal('gap'),
      position,
      device: text,
      epoch: text,
      class: text,
      form,
      from: count,
      to: count,
      count,
      action: z.enum([...LOSS_ACTIONS, 'delivered']),
      reason: text,
      timeFrom: micros.nullable(),
      timeTo: micros.nullable(),
    }),
    z.object({ type: z.literal('position'), position, isCaughtUp: z.boolean() }),
  ]),
)
