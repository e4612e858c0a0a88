import { z } from 'zod'
import type { UplinkView } from '../../core/links.ts'
import type { SeenIssue, SourceReport, Status, UplinkReport } from '../../core/status.ts'
import { count, maybe, micros, shapeOf } from './shape.ts'

const text = z.string()
const classNames = z.array(text)
const uplinkState = z.enum(['connecting', 'up', 'waiting', 'blocked', 'fenced', 'stopped'])
/** `until` undefined: nobody knows. */
const wait = z.object({ code: z.enum(['window', 'link', 'budget', 'rate']), text, until: z.union([micros, z.undefined()]) })

export const sourceReport = shapeOf<SourceReport>()(
  z.object({
    name: text,
    protocol: text,
    state: z.enum(['starting', 'up', 'down', 'stopped']),
    code: maybe(text),
    lastError: maybe(text),
    remedy: maybe(text),
    notes: maybe(z.record(text, count)),
    withheld: maybe(count),
    details: maybe(z.record(text, z.union([text, count]))),
    readings: count,
    readingsPerSecond: count,
    lastReading: micros.nullable(),
  }),
)

const uplinkReport = shapeOf<UplinkReport>()(
  z.object({
    name: text,
    state: uplinkState,
    readings: count,
    lagReadings: count,
    lagSeconds: count,
    readingsPerSecond: count,
    lane: z.object({ live: count, backlog: count }),
    etaSeconds: count.nullable(),
    blocked: z.array(z.object({ classes: classNames, code: text, text })),
    parked: count,
    transactions: count,
    guarantee: maybe(z.literal('at-least-once')),
    wait: maybe(wait),
    lastError: maybe(text),
    remedy: maybe(text),
  }),
)

const boxReport = z.object({
  device: text,
  lastSeen: micros.nullable(),
  transaction: count,
  readings: count,
  lastError: maybe(text),
  code: maybe(text),
})

const delivery = z.object({
  rule: z.union([z.enum(['all-uplinks', 'any-uplink', 'none']), classNames]),
  uplink: text.nullable(),
  atRisk: z.object({ readings: count, seconds: count }),
  lastSwitch: z.object({ from: text, to: text, seconds: count.nullable() }).nullable(),
})

const classReport = z.object({
  name: text,
  accepted: count,
  stored: count,
  delivered: count,
  aggregated: count,
  lost: z.record(text, count),
  bytes: count,
  step: text,
  oldest: micros.nullable(),
  delivery,
})

const rules = z.object({
  rules: z.array(
    z.object({
      name: text,
      events: count,
      lastEvent: micros.nullable(),
      late: count,
      overflowed: count,
      errors: count,
      lastError: text.nullable(),
      model: maybe(
        z.object({
          name: text,
          scored: count,
          unscored: count,
          lastCode: text.nullable(),
          lastText: text.nullable(),
          version: text.nullable(),
        }),
      ),
    }),
  ),
  lagReadings: count.nullable(),
  missed: count,
  lastError: text.nullable(),
})

const notify = z.object({
  name: text,
  kind: text,
  state: z.enum(['starting', 'up', 'waiting']),
  sent: count,
  heldBack: count,
  missed: count,
  lastMissed: micros.nullable(),
  lastSent: micros.nullable(),
  failures: count,
  code: maybe(text),
  lastError: maybe(text),
  remedy: maybe(text),
})

const issue = z.object({
  code: text,
  severity: z.enum(['info', 'warning', 'problem']),
  text,
  remedy: text,
  of: maybe(text),
  leftOut: maybe(z.object({ kind: z.enum(['source', 'rule', 'notifier', 'port']), name: text, path: text, text })),
})

export const seenIssue = shapeOf<SeenIssue>()(
  issue.extend({
    begun: micros,
    ended: micros.nullable().describe('null: it is there now'),
    times: count.describe('more than one: it went and came again, each time within a minute'),
  }),
)

export const status = shapeOf<Status>()(
  z.object({
    device: text,
    site: text,
    version: text,
    epoch: text,
    startedAt: micros,
    clock: z.object({
      synchronised: z.boolean(),
      offsetMs: count.nullable(),
      trusted: maybe(z.boolean()),
      source: maybe(z.enum(['ntp', 'rtc', 'host']).nullable()),
    }),
    host: z.object({
      cpu: z.object({ loadPercent: count, cores: count }),
      memory: z.object({ bytes: count, usedBytes: count, agentBytes: count }),
      disk: z.object({ bytes: count, freeBytes: count }),
      temperature: count.nullable(),
    }),
    log: z.object({
      bytes: count,
      bytesMax: count,
      oldest: micros.nullable(),
      sequence: count,
      commits: count,
      commitMs: z.object({ p50: count, p99: count }),
    }),
    classes: z.array(classReport),
    sources: z.array(sourceReport),
    uplinks: z.array(uplinkReport),
    boxes: maybe(z.array(boxReport)),
    open: maybe(z.array(z.object({ interface: text, zone: z.enum(['plant', 'uplink', 'service']), port: count }))),
    rules: maybe(rules),
    notify: maybe(z.array(notify)),
    issues: z.array(issue),
  }),
)

const notSent = z.enum(['window', 'link', 'budget', 'rate', 'delivery', 'elsewhere', 'blocked'])
const budget = z.object({
  bytes: count,
  per: z.enum(['day', 'week', 'month']),
  zone: text,
  spentBytes: count,
  countedBytes: count.nullable(),
  leftBytes: count,
  from: micros,
  until: micros,
  isUnknown: z.boolean(),
})

export const uplinkView = shapeOf<UplinkView>()(
  z.object({
    name: text,
    state: uplinkState,
    link: text.nullable(),
    wait: wait.nullable(),
    classes: z.array(
      z.object({
        name: text,
        sent: z.boolean(),
        code: maybe(notSent),
        text: maybe(text),
        until: maybe(micros),
        address: maybe(text),
      }),
    ),
    links: z.array(
      z.object({
        interface: text,
        up: z.boolean(),
        address: text.nullable(),
        classes: classNames,
        bytesPerSecondMax: count.nullable(),
        budget: budget.nullable(),
      }),
    ),
    windows: z.array(
      z.object({
        at: text,
        zone: text,
        classes: z.union([classNames, z.literal('all')]),
        open: z.boolean(),
        next: micros.nullable(),
      }),
    ),
    lastError: text.nullable(),
  }),
)
