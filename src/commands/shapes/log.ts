import { z } from 'zod'
import type { QueryRequest, QueryRow } from '../../core/agent-api.ts'
import {
  LEDGER_LINES_MAX,
  OFFLINE_MS_MAX,
  QUERY_POINTS_MAX,
  QUERY_ROWS_MAX,
  QUERY_TAGS_MAX,
  RULE_TEST_EVENTS_MAX,
  RULE_TEXT_CHARS_MAX,
  WHAT_IF_CLASSES_MAX,
} from '../../core/bounds.ts'
import type { CheckStep, LogInspection } from '../../core/log-files.ts'
import type { LedgerLine, LedgerRequest, LogDay } from '../../core/operator.ts'
import type { ClassWhatIf, Forecast } from '../../core/retention.ts'
import type { RuleTestRequest, RuleTestStep } from '../../core/rule-test.ts'
import { nameInput, quality, valueKind } from './common.ts'
import { bigint, bytes, count, maybe, micros, shapeOf } from './shape.ts'

const text = z.string()

const tagInput = text.min(1).max(4_096)
export const tagsInput = z.union([tagInput, z.array(tagInput).min(1).max(QUERY_TAGS_MAX)])
const time = z.int().describe('microseconds since 1970 UTC')

export const queryInput = shapeOf<QueryRequest>()(
  z.strictObject({
    tag: tagsInput,
    from: time,
    to: time,
    every: maybe(z.int().min(1)),
    points: maybe(z.int().min(1).max(QUERY_POINTS_MAX)),
    limit: z.int().min(1).max(QUERY_ROWS_MAX),
    origin: maybe(z.boolean()),
  }),
)

export const value = z.union([z.number(), bigint, z.boolean(), text, bytes])
const windowValue = z.union([z.number(), bigint, text, bytes])
const window = z.object({
  length: count,
  count,
  good: count,
  uncertain: count,
  bad: count,
  valued: count,
  sum: count,
  m2: count,
  mean: count.nullable(),
  std: count.nullable(),
  min: z.union([count, bigint]).nullable(),
  max: z.union([count, bigint]).nullable(),
  first: windowValue.nullable(),
  last: windowValue.nullable(),
  firstTime: micros.nullable(),
  lastTime: micros.nullable(),
  changes: count,
  sequenceFrom: count,
  sequenceTo: count,
})

export const queryRowFields = {
  tag: text,
  time: micros,
  kind: valueKind,
  value: value.nullable(),
  quality,
  status: count,
  sequence: count,
  received: micros,
  class: text,
  unit: maybe(text),
  clock: maybe(z.object({ quality: z.enum(['synchronised', 'corrected', 'relative']), shiftUs: count })),
  window: maybe(window),
  device: maybe(text),
  epoch: maybe(text),
}

export const queryRow = shapeOf<QueryRow>()(z.object(queryRowFields))

export const ruleTestInput = shapeOf<RuleTestRequest>()(
  z.strictObject({
    name: maybe(nameInput.describe('of a rule of the settings, or:')),
    text: maybe(text.min(1).max(RULE_TEXT_CHARS_MAX).describe('a rule as it would stand in the settings, in YAML or JSON')),
    from: time,
    to: time,
    limit: z.int().min(0).max(RULE_TEST_EVENTS_MAX).describe('events that are told; all are counted'),
  }),
)

export const ruleTestStep = shapeOf<RuleTestStep>()(
  z.object({
    rule: text,
    share: count,
    isLast: z.boolean(),
    isWhole: z.boolean(),
    readings: count,
    readFrom: micros.nullable(),
    readTo: micros.nullable(),
    aggregated: count,
    events: count,
    first: micros.nullable(),
    last: micros.nullable(),
    late: count,
    overflowed: count,
    errors: count,
    lastError: text.nullable(),
    kept: micros.nullable(),
    found: z.array(z.object({ time: micros, text })),
  }),
)

const keep = z.union([z.literal('raw'), z.literal('nothing'), z.object({ windowMs: count })])
const ladderStep = z.object({ offlineForMs: maybe(count), filledTo: maybe(count), keep })

const whatIf = shapeOf<ClassWhatIf>()(
  z.strictObject({
    name: text.min(1).max(256),
    floorBytes: z.number().min(0),
    whenFull: z.enum(['reduce', 'wait']),
    ladder: z.array(ladderStep).max(100),
    forwardWindowMs: maybe(count),
  }),
)
export const forecastInput = z.strictObject({
  offlineMs: z.int().min(1).max(OFFLINE_MS_MAX),
  whatIf: maybe(z.array(whatIf).max(WHAT_IF_CLASSES_MAX)),
})

export const forecastAnswer = shapeOf<Forecast>()(
  z.object({
    offlineMs: count,
    blockBytesMax: count,
    classes: z.array(
      z.object({
        name: text,
        raw: count,
        aggregated: count,
        lost: count,
        bytes: count,
        steps: z.array(z.object({ step: ladderStep, atMs: count.nullable() })),
        fullAtMs: count.nullable(),
        waitsAtMs: count.nullable(),
      }),
    ),
    fullAtMs: count.nullable(),
    flashYears: count.nullable(),
    points: z.array(z.object({ atMs: count, bytes: z.record(text, count) })),
  }),
)

const fileCheck = z.object({
  segment: count.nullable(),
  class: text.nullable(),
  form: z.enum(['raw', 'aggregate']).nullable(),
  bytes: count,
  blocks: count,
  readings: count,
  damage: z.array(
    z.object({
      what: text,
      offset: count.nullable(),
      readings: count,
      stream: text.nullable(),
      first: count.nullable(),
    }),
  ),
})

export const checkStep = shapeOf<CheckStep>()(
  z.object({ done: count, all: count, file: fileCheck, givenUp: count, said: z.array(text) }),
)

export const inspectInput = z.strictObject({ segment: maybe(z.int().min(0)) })

export const inspection = shapeOf<LogInspection>()(
  z.object({
    epoch: text,
    bytes: count,
    journalBytes: count,
    segments: z.array(
      z.object({
        id: count,
        class: text,
        form: text,
        bytes: count,
        blockBytes: count,
        blocks: count,
        readings: count,
        pending: count,
        timeFrom: micros.nullable(),
        timeTo: micros.nullable(),
      }),
    ),
    streams: z.array(z.object({ device: text, epoch: text, class: text, form: text, next: count, blocks: count, bytes: count })),
    ledger: z.array(z.object({ class: text, form: text, action: text, reason: text, lines: count, count })),
    rebuilt: z.object({ at: micros, faults: z.array(text) }).nullable(),
  }),
)

export const ledgerInput = shapeOf<LedgerRequest>()(
  z.strictObject({
    class: maybe(text.min(1).max(256)),
    from: maybe(time),
    to: maybe(time),
    limit: z.int().min(1).max(LEDGER_LINES_MAX),
  }),
)

export const LOSS_ACTIONS = ['dropped', 'aggregated', 'refused', 'damaged', 'overflowed', 'elsewhere'] as const

export const ledgerLine = shapeOf<LedgerLine>()(
  z.object({
    device: text,
    epoch: text,
    class: text,
    form: z.enum(['raw', 'aggregate', 'gap', 'event']),
    from: count,
    to: count,
    count,
    timeFrom: micros,
    timeTo: micros,
    action: z.enum(LOSS_ACTIONS),
    reason: text,
    at: micros,
  }),
)

export const logDay = shapeOf<LogDay>()(
  z.object({ day: micros, class: text, readings: count, bytes: count, givenUp: z.record(text, count) }),
)
