// The thread of one test of a rule: asks for the log page by page, and stands aside as long as it works.
import { setTimeout as sleep } from 'node:timers/promises'
import type { MessagePort } from 'node:worker_threads'
import { parentPort, workerData } from 'node:worker_threads'
import type { RuleSettings } from '../core/rule.ts'
import { RULE_TAGS } from '../core/rule.ts'
import type { RuleTestStep } from '../core/rule-test.ts'
import type { PageRequest, PlacedPart, QueryPage } from '../core/query.ts'
import { expressionProblem } from '../rules/expression.ts'
import type { RuleTesting, TestedRange } from '../rules/testing.ts'
import { createTesting } from '../rules/testing.ts'
import { caller, serve } from './port.ts'
import type { ModelsAsked } from './scoring-host.ts'
import { openScoring } from './scoring-host.ts'
import { streamServer } from './stream-calls.ts'

export interface RuleTestData extends TestedRange {
  /** Or its text. */
  readonly rule: RuleSettings | string
  readonly msMax: number
  readonly models?: ModelsAsked | undefined
}

/** Work between two pauses. */
const TURN_MS = 20

const data = workerData as RuleTestData
const port = parentPort as MessagePort
const main = caller(port)
/** The thread looks at the time itself, between two pages. */
const PAGE_MS_MAX = 60_000
const streams = streamServer(main, data.msMax + PAGE_MS_MAX)

async function ruleOf(rule: RuleSettings | string): Promise<RuleSettings> {
  if (typeof rule !== 'string') return rule
  // What only a text needs is loaded for it alone.
  const { readRule } = await import('../settings/rule-text.ts')
  return readRule(rule, expressionProblem)
}

/** Half of the time is others': of this thread's core, and of the log's keeper. */
function pauses() {
  let begun = performance.now()
  return async (workMsMin: number) => {
    const worked = performance.now() - begun
    if (worked < workMsMin) return
    await sleep(Math.ceil(worked))
    begun = performance.now()
  }
}

async function* pages(asks: Omit<PageRequest, 'after'>): AsyncIterable<{ parts: QueryPage['parts']; isLast: boolean }> {
  for (let after: PageRequest['after'] | undefined = 0; after !== undefined; ) {
    const { parts, next }: QueryPage = await main.call<QueryPage>('page', [{ ...asks, after }])
    yield { parts, isLast: next === undefined }
    after = next
  }
}

/** Whether all of it was taken. */
async function takeAll(testing: RuleTesting, parts: QueryPage['parts'], pause: () => Promise<void>, isEnough: () => boolean) {
  for (const part of parts)
    for (const _ of testing.take(part)) {
      await pause()
      if (isEnough()) return false
    }
  return true
}

async function* test(signal: AbortSignal): AsyncIterable<RuleTestStep> {
  const rule = await ruleOf(data.rule)
  // It ends with the thread.
  const testing = createTesting(rule, data, openScoring([rule], data.models)?.score)
  const pause = pauses()
  const endsAt = performance.now() + data.msMax
  let share = 0
  // Of a page that is waited for, reading by reading, not all is taken.
  const isEnough = () => signal.aborted || (rule.model !== undefined && performance.now() >= endsAt)
  for await (const { parts, isLast: isLastPage } of pages(testing.asks)) {
    const isLast = (await takeAll(testing, parts, () => pause(TURN_MS), isEnough)) && isLastPage
    await pause(0)
    if (signal.aborted) return
    const isOver = performance.now() >= endsAt
    share = isLast ? 1 : Math.max(share, shareOf(testing, data))
    const kept = isLast && testing.figures().readings === 0 ? await firstKept(testing.asks) : null
    const isEnd = isLast || isOver
    yield {
      rule: rule.name,
      share,
      isLast: isEnd,
      isWhole: isLast || !isOver,
      kept,
      ...testing.figures(),
      found: testing.found(),
    }
    if (isEnd) return
  }
}

function shareOf(testing: RuleTesting, { from, to }: TestedRange): number {
  const { readTo } = testing.figures()
  return readTo === null ? 0 : Math.min(1, (readTo - from) / (to - from))
}

/** Source time of the first reading that is there, whenever it was. */
async function firstKept(asks: RuleTesting['asks']): Promise<number | null> {
  const isReading = (it: PlacedPart) => it.form === 'raw' && !it.series.tag.startsWith(RULE_TAGS)
  const pause = pauses()
  for await (const { parts } of pages({ ...asks, from: 0, to: Number.MAX_SAFE_INTEGER })) {
    const part = parts.find(isReading)
    if (part?.form === 'raw') return part.time[0] ?? null
    await pause(0)
  }
  return null
}

serve(port, { test: streams.handler(async (signal) => test(signal)), cancel: streams.cancel, isThere: () => true })
