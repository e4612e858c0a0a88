import { z } from 'zod'
import { networkPort } from '../network/address.ts'
import { verb } from '../verb.ts'

const CONFIRM_MS_MIN = 1_000
const CONFIRM_MS_MAX = 3_600_000

export const networkShow = verb({
  name: 'networkShow',
  input: z.strictObject({}),
  run: (_, { network }) => network.show(),
})

export const networkApply = verb({
  name: 'networkApply',
  input: z.strictObject({
    ports: z.array(networkPort).min(1).max(16),
    confirmWithinMs: z.number().int().min(CONFIRM_MS_MIN).max(CONFIRM_MS_MAX),
    by: z.string().min(1).max(128),
  }),
  run: (change, { network }) => network.apply(change),
})

export const networkConfirm = verb({
  name: 'networkConfirm',
  input: z.strictObject({}),
  run: (_, { network }) => network.confirm(),
})

export const networkRevert = verb({
  name: 'networkRevert',
  input: z.strictObject({}),
  run: (_, { network }) => network.revert(),
})
