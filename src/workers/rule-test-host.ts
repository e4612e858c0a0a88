// Main's side of a test of a rule: a thread for each, which asks for the log by us. What takes too long, or too much, ends that thread and nothing else.
import { Worker } from 'node:worker_threads'
import { RULE_TEST_MS_MAX } from '../core/bounds.ts'
import { BadInput, Unreachable } from '../core/errors.ts'
import type { PageRequest, QueryPage } from '../core/query.ts'
import type { RuleSettings } from '../core/rule.ts'
import type { RuleTestRequest, RuleTestStep } from '../core/rule-test.ts'
import { YOUNG_GENERATION_MB } from '../machine/memory.ts'
import type { Caller } from './port.ts'
import { caller, serve } from './port.ts'
import type { RuleTestData } from './rule-test.ts'
import type { ModelsAsked } from './scoring-host.ts'
import { SCORE_MS_MAX } from './scoring-host.ts'
import { streamCalls } from './stream-calls.ts'

export interface RuleTestParts {
  rules(): readonly RuleSettings[]
  models?(): ModelsAsked | undefined
  page(request: PageRequest): Promise<QueryPage>
  readonly msMax?: number
  /** A thread that does not answer for so long is cut off. */
  readonly silentMsMax?: number
}

const HEAP_MB = 256
const SILENT_MS_MAX = 30_000
/** Models are loaded first, and some scores waited for, before the thread comes to its messages. */
const SCORING_SILENT_MS_MAX = 2 * SCORE_MS_MAX

/** One test at a time. */
export function ruleTestHost({ rules, models, page, msMax = RULE_TEST_MS_MAX, silentMsMax: asked }: RuleTestParts) {
  let isRunning = false
  return async function* test(request: RuleTestRequest, signal: AbortSignal): AsyncIterable<RuleTestStep> {
    const { from, to, limit } = request
    if (from >= to) throw new BadInput([{ where: 'from', text: 'must be before the end of the range' }])
    const rule = request.text ?? ruleNamed(request.name ?? '', rules())
    if (isRunning)
      throw new Unreachable('rule-test-running', 'a rule is being tested already', { remedy: 'Wait until that has ended.' })
    const silentMsMax = asked ?? (hasModel(rule) ? SCORING_SILENT_MS_MAX : SILENT_MS_MAX)
    isRunning = true
    try {
      yield* tested({ rule, from, to, limit, msMax, models: models?.() }, page, silentMsMax, signal)
    } finally {
      isRunning = false
    }
  }
}

/** Of a text: whether it may have one. */
const hasModel = (rule: RuleSettings | string) => (typeof rule === 'string' ? /\bmodel\b/.test(rule) : rule.model !== undefined)

function ruleNamed(name: string, rules: readonly RuleSettings[]): RuleSettings {
  const found = rules.find((it) => it.name === name)
  if (found) return found
  const remedy = `rules: ${rules.map((it) => it.name).join(', ') || 'none'}`
  throw new BadInput([{ where: name, text: 'there is no rule of this name in the settings', remedy }])
}

async function* tested(data: RuleTestData, page: RuleTestParts['page'], silentMsMax: number, signal: AbortSignal) {
  const worker = new Worker(new URL('./rule-test.ts', import.meta.url), {
    workerData: data,
    name: 'rule-test',
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })
  const calls = caller(worker)
  const streams = streamCalls()
  const gone = (why: string) => calls.fail(new Unreachable('rule-test-failed', `the test ended: ${why}`))
  worker.on('error', (error) => gone((error as Error).message))
  worker.on('exit', (code) => gone(`its thread ended with code ${code}`))
  const watching = watch(calls, silentMsMax, () => gone('the expression takes very long'))
  serve(worker, {
    item: streams.item,
    page(wanted: PageRequest) {
      watching.heard()
      return page(wanted)
    },
  })
  try {
    yield* streams.stream<RuleTestStep>(calls, 'test', [], signal)
  } finally {
    watching.end()
    await worker.terminate()
  }
}

/** Whether the thread still comes to its messages. Before it has asked for anything it is still being started. */
function watch(calls: Caller, silentMsMax: number, silent: () => void) {
  let heardAt = Infinity
  const heard = () => void (heardAt = performance.now())
  const timer = setInterval(() => {
    if (performance.now() - heardAt > silentMsMax) silent()
    calls.call('isThere', []).then(heard, () => {})
  }, silentMsMax / 10)
  return { heard, end: () => clearInterval(timer) }
}
