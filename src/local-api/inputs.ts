// What each call takes, checked before anything is called. Apart from wire.ts, so that a client need not load zod.
import { z } from 'zod'
import {
  BACKUP_CHARS_MAX,
  BROWSE_ENTRIES_MAX,
  CLEANED_CHARS_MAX,
  COMMANDS_MAX,
  CONFIRM_MS_MAX,
  CONFIRM_MS_MIN,
  EVENTS_OFFERED_MAX,
  EXPORT_FILE_BYTES_MAX,
  FOLLOW_POSITION_CHARS_MAX,
  LEDGER_LINES_MAX,
  LIVE_EVERY_MS_MIN,
  LIVE_TAGS_MAX,
  OFFLINE_MS_MAX,
  PASSPHRASE_CHARS_LEAST,
  PASSPHRASE_CHARS_MAX,
  QUERY_POINTS_MAX,
  QUERY_ROWS_MAX,
  QUERY_TAGS_MAX,
  RULE_TEST_EVENTS_MAX,
  RULE_TEXT_CHARS_MAX,
  SECRET_CHARS_MAX,
  SETTINGS_CHARS_MAX,
  WHAT_IF_CLASSES_MAX,
} from '../core/bounds.ts'
import { FOLLOWED_FORMS } from '../core/follow.ts'
import type { Call } from './wire.ts'

const named = z.strictObject({ name: z.string().min(1).max(256) })
const micros = z.int()
const tag = z.string().min(1).max(4_096)
const query = z.strictObject({
  tag: z.union([tag, z.array(tag).min(1).max(QUERY_TAGS_MAX)]),
  from: micros,
  to: micros,
  every: z.int().min(1).optional(),
  points: z.int().min(1).max(QUERY_POINTS_MAX).optional(),
  limit: z.int().min(1).max(QUERY_ROWS_MAX),
  origin: z.boolean().optional(),
})

const testRule = z
  .strictObject({
    name: z.string().min(1).max(256).optional(),
    text: z.string().min(1).max(RULE_TEXT_CHARS_MAX).optional(),
    from: micros,
    to: micros,
    limit: z.int().min(0).max(RULE_TEST_EVENTS_MAX),
  })
  .refine((it) => (it.name === undefined) !== (it.text === undefined), { error: 'must have one of name and text' })

const browseSource = named.extend({
  node: z.string().min(1).max(4_096).optional(),
  search: z.string().min(1).max(256).optional(),
  limit: z.int().min(1).max(BROWSE_ENTRIES_MAX),
})
const trustSource = named.extend({ fingerprint: z.string().min(1).max(256).optional() })
const scan = z.strictObject({ address: z.string().min(1).max(256), protocol: z.string().min(1).max(64).optional() })

const keep = z.union([z.enum(['raw', 'nothing']), z.strictObject({ windowMs: z.int().min(1_000).max(OFFLINE_MS_MAX) })])
const step = z
  .strictObject({
    offlineForMs: z.int().min(0).max(OFFLINE_MS_MAX).optional(),
    filledTo: z.number().min(0).max(1).optional(),
    keep,
  })
  .refine((it) => (it.offlineForMs === undefined) !== (it.filledTo === undefined), {
    error: 'must have one of offlineForMs and filledTo',
  })
const whatIf = z.strictObject({
  name: z.string().min(1).max(256),
  floorBytes: z.number().min(0),
  whenFull: z.enum(['reduce', 'wait']),
  ladder: z.array(step).max(100),
  forwardWindowMs: z.int().min(1_000).max(OFFLINE_MS_MAX).optional(),
})
const forecastInput = z.strictObject({
  offlineMs: z.int().min(0).max(OFFLINE_MS_MAX),
  whatIf: z.array(whatIf).max(WHAT_IF_CLASSES_MAX).optional(),
})

const exportFiles = z.strictObject({
  uplink: z.string().min(1).max(256).optional(),
  have: z.array(z.string().max(100_000)).max(100_000),
  isMore: z.boolean(),
  fileBytesMax: z.int().min(1).max(EXPORT_FILE_BYTES_MAX),
  nextNumber: z.int().min(1),
})

const tags = z.union([tag, z.array(tag).min(1).max(QUERY_TAGS_MAX)])
const live = z.strictObject({
  tag: tags.optional(),
  limit: z.int().min(1).max(LIVE_TAGS_MAX),
  everyMs: z.union([z.literal(0), z.int().min(LIVE_EVERY_MS_MIN).max(60_000)]),
})
const follow = z.strictObject({
  from: z.union([micros, z.string().min(1).max(FOLLOW_POSITION_CHARS_MAX)]),
  tag: tags.optional(),
  class: tags.optional(),
  form: z.array(z.enum(FOLLOWED_FORMS)).min(1).max(FOLLOWED_FORMS.length).optional(),
})
const ledger = z.strictObject({
  class: z.string().min(1).max(256).optional(),
  from: micros.optional(),
  to: micros.optional(),
  limit: z.int().min(1).max(LEDGER_LINES_MAX),
})
const revision = z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be a revision: 64 hexadecimal digits' })
const settingsText = z.string().max(SETTINGS_CHARS_MAX)
const by = z.string().min(1).max(256)
const settingsApply = z.strictObject({
  text: settingsText,
  base: revision,
  by,
  confirmWithinMs: z.int().min(CONFIRM_MS_MIN).max(CONFIRM_MS_MAX).optional(),
  note: z.string().max(1_000).optional(),
})
const eventText = z.string().max(4_096)
const takeEvents = z.strictObject({
  list: z.string().regex(/^[0-9a-f]{32}$/, { error: 'must be 32 hexadecimal digits' }),
  from: z.int().min(1),
  events: z
    .array(
      z.strictObject({
        position: z.int().min(1),
        at: micros,
        what: eventText,
        by: eventText,
        address: eventText,
        detail: z.record(z.string().max(256), eventText),
      }),
    )
    .max(EVENTS_OFFERED_MAX)
    .refine((all) => all.every((it, at) => it.position > (all[at - 1]?.position ?? -1)), {
      error: 'must be in the order of their positions',
    }),
})
const passphrase = z.string().max(PASSPHRASE_CHARS_MAX)
const backup = { file: z.string().min(1).max(BACKUP_CHARS_MAX), passphrase: passphrase.min(1) }
const secretName = z.string().min(1).max(63)

export const INPUTS = {
  status: z.strictObject({}),
  issues: z.strictObject({}),
  uplinks: z.strictObject({}),
  commands: z.strictObject({ limit: z.int().min(1).max(COMMANDS_MAX) }),
  testSource: named,
  browseSource,
  trustSource,
  certificates: z.strictObject({}),
  takeEvents,
  scan,
  testUplink: named,
  testNotifier: named,
  query,
  testRule,
  follow,
  forecast: forecastInput,
  logCheck: z.strictObject({}),
  logRepair: z.strictObject({}),
  logInspect: z.strictObject({ segment: z.int().min(0).optional() }),
  logExport: z.strictObject({}),
  exportKey: z.strictObject({}),
  exportFiles,
  fileIsWhole: z.strictObject({ manifest: z.string().min(1).max(100_000) }),
  takeReceipt: z.strictObject({ text: z.string().max(1_000_000) }),
  models: z.strictObject({}),
  addModel: z.strictObject({ offset: z.int().min(0), base64: z.string().max(4_500_000), isLast: z.boolean() }),
  removeModel: named,
  live,
  ledger,
  logDays: z.strictObject({}),
  settings: z.strictObject({}),
  settingsCheck: z.strictObject({ text: settingsText }),
  settingsApply,
  settingsConfirm: z.strictObject({ revision }),
  settingsRevert: z.strictObject({ revision: revision.optional(), by }),
  settingsHistory: z.strictObject({}),
  settingsText: z.strictObject({ revision }),
  secrets: z.strictObject({}),
  setSecret: z.strictObject({ name: secretName, text: z.string().min(1).max(SECRET_CHARS_MAX) }),
  removeSecret: z.strictObject({ name: secretName }),
  backupSave: z.strictObject({ passphrase: passphrase.min(PASSPHRASE_CHARS_LEAST) }),
  backupOpen: z.strictObject(backup),
  backupRestore: z.strictObject({ ...backup, base: revision, by: z.string().min(1).max(256) }),
  withoutSecrets: z.strictObject({ text: z.string().max(CLEANED_CHARS_MAX) }),
} as const satisfies Record<Call, z.ZodType>
