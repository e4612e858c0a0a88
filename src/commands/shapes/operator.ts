import { z } from 'zod'
import { networkPort } from './network.ts'
import {
  CONFIRM_MS_MAX,
  CONFIRM_MS_MIN,
  LIVE_EVERY_MS_MIN,
  LIVE_TAGS_MAX,
  SECRET_CHARS_MAX,
  SETTINGS_CHARS_MAX,
} from '../../core/bounds.ts'
import type {
  LiveRequest,
  LiveValue,
  SecretEntry,
  SettingsApply,
  SettingsCheck,
  SettingsEntry,
  SettingsNow,
} from '../../core/operator.ts'
import { quality, valueKind } from './common.ts'
import { tagsInput, value } from './log.ts'
import { count, maybe, micros, shapeOf } from './shape.ts'

const text = z.string()
const EVERY_MS_MAX = 60_000

export const liveInput = shapeOf<LiveRequest>()(
  z.strictObject({
    tag: maybe(tagsInput),
    limit: z.int().min(1).max(LIVE_TAGS_MAX),
    everyMs: z.union([z.literal(0), z.int().min(LIVE_EVERY_MS_MIN).max(EVERY_MS_MAX)]),
  }),
)

export const liveValue = shapeOf<LiveValue>()(
  z.object({
    source: text,
    tag: text,
    time: micros,
    received: micros,
    kind: valueKind,
    value: value.nullable(),
    quality,
    status: count,
    class: text,
    unit: maybe(text),
  }),
)

export const revision = text.regex(/^[0-9a-f]{64}$/, { error: 'must be a revision: 64 hexadecimal digits' })
export const settingsText = text.max(SETTINGS_CHARS_MAX)

const pending = z.object({ revision: text, previous: text, by: text, revertsInMs: count })

export const settingsNow = shapeOf<SettingsNow>()(
  z.object({
    text,
    revision: text,
    pending: pending.nullable(),
    notInForce: z.array(z.object({ path: text, line: count, text })),
    system: z.object({ ports: z.array(networkPort), timeServers: z.array(text) }),
  }),
)

export const settingsCheck = shapeOf<SettingsCheck>()(
  z.object({
    problems: z.array(z.object({ path: text, line: count, column: count, text, remedy: maybe(text) })),
    changes: z.array(z.object({ path: text, old: maybe(text), new: maybe(text) })),
    restarts: z.array(text),
    warnings: z.array(text),
  }),
)

/** Without `by`: whoever asks is known. */
export const applyInput = shapeOf<Omit<SettingsApply, 'by'>>()(
  z.strictObject({
    text: settingsText,
    base: revision,
    confirmWithinMs: maybe(z.int().min(CONFIRM_MS_MIN).max(CONFIRM_MS_MAX)),
    note: maybe(text.max(1_000)),
  }),
)

export const settingsEntry = shapeOf<SettingsEntry>()(
  z.object({
    revision: text,
    at: micros,
    by: text,
    note: maybe(text),
    outcome: z.enum(['current', 'pending', 'replaced', 'reverted']),
  }),
)

export const secretName = text.min(1).max(63)
export const secretText = text.min(1).max(SECRET_CHARS_MAX)

export const secretEntry = shapeOf<SecretEntry>()(
  z.object({ name: text, usedBy: z.array(text), from: z.enum(['store', 'environment', 'missing']) }),
)
