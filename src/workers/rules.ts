// The rules' thread: reads the log, runs the rules, and gives the log what they say.
//
//   read ─► engine ─► events, by class ─append with the mark─► log
//                └─► state, now and then ─save─► log
//
// One step after another: what a read brought is in the log before the next one.
import { parentPort, threadId, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { setImmediate as turn } from 'node:timers/promises'
import { decodeBlock } from '../columns/index.ts'
import { BatchBuilder, newOrigin, transferables } from '../core/batch.ts'
import { RULE_EVENTS_BYTES_MAX, RULE_STATE_BYTES_MAX } from '../core/bounds.ts'
import type { LogSeries, RawSlice } from '../core/log.ts'
import { timeShiftOf } from '../core/query.ts'
import type { RuleMark, RulePositions, RuleSettings, RulesReport, RuleStart, RuleTaken } from '../core/rule.ts'
import { ruleTag } from '../core/rule.ts'
import { streamKey } from '../core/stream.ts'
import type { RuleEngine, SavedRules } from '../rules/engine.ts'
import { createEngine } from '../rules/engine.ts'
import type { RuleEvent } from '../rules/event.ts'
import { systemClock } from './clock.ts'
import { caller, serve } from './port.ts'
import type { ModelsAsked } from './scoring-host.ts'
import { openScoring } from './scoring-host.ts'
import { packRules, unpackRules } from './rule-state.ts'

export interface RulesWorkerData {
  readonly rules: readonly RuleSettings[]
  readonly cell?: SharedArrayBuffer
  readonly models?: ModelsAsked | undefined
}

export type RulesSaid = Omit<RulesReport, 'lagReadings'>

const READINGS_A_READ = 16_384
/** … where models score them: the state is saved between two reads. */
const READINGS_A_SCORED_READ = 512
/** Scores are waited for: so long at a time, then what was found is said, and who asks is answered. */
const SCORING_MS_MAX = 250
/** The state is written again no sooner, and then no oftener than for so many bytes a second: flash wears. */
const SAVE_MS_MIN = 10_000
const SAVE_MS_MAX = 600_000
const SAVED_BYTES_PER_SECOND = 2_000

const data = workerData as RulesWorkerData
const port = parentPort as MessagePort
const main = caller(port)
const clock = systemClock(data.cell)
let builder = new BatchBuilder(newOrigin(threadId), clock)
let engine: RuleEngine | undefined
let missed = 0
let trouble: string | null = null
let isStopping = false
let turnEndsAt = 0
let saveDueAt = clock.monotonic() + SAVE_MS_MIN

/** By class: what was said of. After a start the positions are behind it for a while, and a mark never goes back. */
let marks: Record<string, RulePositions> = {}

function furthest(className: string, positions: RulePositions): RulePositions {
  const before = marks[className] ?? {}
  const later = Object.entries(positions).map(([stream, next]) => [stream, Math.max(next, before[stream] ?? 0)] as const)
  return (marks[className] = { ...before, ...Object.fromEntries(later) })
}

async function say(events: readonly RuleEvent[], positions: RulePositions): Promise<void> {
  for (const [name, said] of Map.groupBy(events, (it) => it.class)) {
    for (const it of said) {
      const series = builder.series({ tag: ruleTag(it.rule), class: name, kind: 'string' })
      builder.addString(series, it.time, it.text)
    }
    const batch = builder.take(clock.now())
    const mark: RuleMark = { positions: furthest(name, positions), raised: said.flatMap((it) => it.raised ?? []) }
    await main.call('append', [batch, name, mark], transferables(batch))
  }
}

/** Positions as they are while a read's slices are worked through. */
async function takeSlice(rules: RuleEngine, slice: RawSlice, taken: RuleTaken, at: Record<string, number>): Promise<void> {
  const stream = streamKey(slice.stream)
  const shiftOf = (it: LogSeries) => timeShiftOf(it, slice.time)
  const columns = decodeBlock(slice.block)
  const part = { stream, from: slice.from, to: slice.to, columns, series: taken.series, shiftOf }
  for (let from = slice.from; from < slice.to && !isStopping; ) {
    turnEndsAt = performance.now() + SCORING_MS_MAX
    const { next, events } = rules.take(part, from)
    scoring?.check()
    from = next
    at[stream] = next
    if (events.length > 0) await say(events, { ...at })
    if (scoring) await turn()
  }
}

function packed(saved: SavedRules): Uint8Array {
  const { bytes, left, bytesWanted } = packRules(saved)
  const known = `the windows take ${bytesWanted} bytes on disk, ${RULE_STATE_BYTES_MAX} are allowed`
  trouble = left.length > 0 ? `${known}: after a restart those of ${left.join(', ')} begin anew` : null
  return bytes
}

function unpacked(state: Uint8Array | undefined): SavedRules {
  if (!state) return {}
  try {
    return unpackRules(state)
  } catch (error) {
    trouble = `what the rules had saved cannot be read, their windows begin anew: ${(error as Error).message}`
    return {}
  }
}

async function save(rules: RuleEngine, positions: RulePositions, now: number): Promise<void> {
  const state = packed(rules.save())
  const isSaved = await main.call<boolean>('save', [positions, state])
  const pauseMs = isSaved ? (state.length * 1000) / SAVED_BYTES_PER_SECOND : SAVE_MS_MIN
  saveDueAt = now + Math.min(SAVE_MS_MAX, Math.max(SAVE_MS_MIN, pauseMs))
}

const scoring = openScoring(data.rules, data.models)

async function run(): Promise<void> {
  const start = await main.call<RuleStart>('begin', [])
  marks = { ...start.marks }
  const rules = createEngine({
    rules: data.rules,
    saved: unpacked(start.state),
    marks: start.marks,
    eventsBytesMax: RULE_EVENTS_BYTES_MAX,
    score: scoring?.score,
    isEnough: scoring && (() => performance.now() >= turnEndsAt),
  })
  engine = rules
  let at = start.positions
  while (!isStopping) {
    const taken = await main.call<RuleTaken>('read', [at, scoring ? READINGS_A_SCORED_READ : READINGS_A_READ])
    const during: Record<string, number> = { ...at }
    for (const it of taken.slices) await takeSlice(rules, it, taken, during)
    // Who is to stop goes on later from where it is.
    at = isStopping ? during : taken.positions
    missed += taken.missed
    if (clock.monotonic() >= saveDueAt) await save(rules, at, clock.monotonic())
    if (taken.slices.length === 0 && !isStopping) await main.call('more', [])
  }
  await save(rules, at, clock.monotonic())
}

const running = run()

serve(port, {
  report: (): RulesSaid => ({ rules: engine?.reports() ?? [], missed, lastError: trouble }),
  async stop() {
    isStopping = true
    await running
  },
})

// What it rejects with ends the thread.
await running
scoring?.close()
