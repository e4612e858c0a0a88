import { RULE_TEST_EVENTS_MAX, RULE_TEXT_CHARS_MAX } from '../core/bounds.ts'
import { BadInput } from '../core/errors.ts'
import type { RuleTestEvent, RuleTestRequest, RuleTestStep } from '../core/rule-test.ts'
import type { Command, CommandContext } from './command.ts'
import { DONE, FAILED } from './command.ts'
import { operation } from './operation.ts'
import { progressOn } from './progress.ts'
import { settingsFile } from './settings-diff.ts'
import { ruleTestInput, ruleTestStep } from './shapes/log.ts'
import { document, lines, shortCount, table, wrap } from './text.ts'
import { formatTime, nowMicros, parseTime } from './times.ts'

const test = operation({
  name: 'rules test',
  access: 'viewer',
  summary: 'when a rule would have fired, over what the log holds',
  input: ruleTestInput,
  output: ruleTestStep,
  many: true,
  run: (input, { agent, signal }) => agent.testRule(input, signal),
})

const EVENTS = 20

export const rulesTest: Command = {
  name: 'rules test',
  role: 'view',
  summary: test.summary,
  arguments: ['[NAME]'],
  options: {
    rule: { value: 'FILE', summary: 'a rule in YAML or JSON, as it would stand in the settings, instead of one of theirs' },
    from: {
      value: 'TIME',
      summary: 'now, -10m, 2026-11-24T08:00:00Z, or ms or µs since 1970; a day before --to where it is missing',
    },
    to: { value: 'TIME', summary: 'the first instant that is left out; now, where it is missing' },
    events: { value: 'N', summary: `shows the first N events, ${EVENTS} where it is missing; all are counted` },
  },
  operation: test,
  async run(context) {
    const request = await requestOf(context)
    const { last, found } = await steps(context, request)
    if (context.json) await document(context, report(last, found, request))
    else await lines(context.out, page(last, found, request, context.out.width))
    return last.isWhole ? DONE : FAILED
  },
}

const DAY_US = 86_400_000_000

async function requestOf({ args: [name], options }: CommandContext): Promise<RuleTestRequest> {
  const { rule, from, to, events } = options
  if ((name === undefined) === (rule === undefined)) throw wrong('NAME', 'is needed, or --rule FILE: one of them')
  const now = nowMicros()
  const end = typeof to === 'string' ? parseTime(to, '--to', now) : now
  const begin = typeof from === 'string' ? parseTime(from, '--from', now) : end - DAY_US
  if (begin >= end) throw wrong('--from', 'must be before --to')
  const range = { from: begin, to: end, limit: eventsOf(events) }
  return name === undefined ? { text: await ruleFile(String(rule)), ...range } : { name, ...range }
}

async function ruleFile(path: string): Promise<string> {
  const text = await settingsFile(path)
  if (text.length > RULE_TEXT_CHARS_MAX) throw wrong(path, `longer than ${RULE_TEXT_CHARS_MAX} characters`)
  if (text.trim() === '') throw wrong(path, 'is empty')
  return text
}

function eventsOf(given: string | true | undefined): number {
  if (typeof given !== 'string') return EVENTS
  const count = /^\d{1,6}$/.test(given) ? Number(given) : Infinity
  if (count <= RULE_TEST_EVENTS_MAX) return count
  throw wrong('--events', `"${given}" is not a number from 0 to ${RULE_TEST_EVENTS_MAX}`)
}

const wrong = (where: string, text: string) => new BadInput([{ where, text }])

async function steps({ agent, err, signal }: CommandContext, request: RuleTestRequest) {
  const progress = progressOn(err)
  const found: RuleTestEvent[] = []
  let last: RuleTestStep | undefined
  try {
    for await (const step of agent.testRule(request, signal)) {
      found.push(...step.found)
      last = step
      progress.at(step.share, `${shortCount(step.readings)} readings, ${shortCount(step.events)} events`)
    }
  } finally {
    progress.end()
  }
  signal.throwIfAborted()
  if (!last) throw new Error('a test has a last step')
  return { last, found }
}

function report(step: RuleTestStep, found: readonly RuleTestEvent[], { from, to }: RuleTestRequest) {
  const { share: _, isLast: __, ...last } = step
  return { from, to, ...last, found: found.map((it) => ({ time: it.time, event: JSON.parse(it.text) as unknown })) }
}

function page(last: RuleTestStep, found: readonly RuleTestEvent[], { from, to }: RuleTestRequest, width: number): string[] {
  const fired =
    last.events === 0 ? 'would not have fired' : `would have fired ${times(last.events)}${span(last.first, last.last)}`
  return [
    ...wrap(`rule ${last.rule}, ${formatTime(from)} to ${formatTime(to)}: ${fired}`, width),
    ...notes(last).flatMap((it) => wrap(it, width)),
    ...(found.length > 0 ? ['', ...eventTable(found)] : []),
    ...(found.length > 0 && found.length < last.events
      ? [`and ${shortCount(last.events - found.length)} more (--events N)`]
      : []),
  ]
}

const times = (count: number) => (count === 1 ? 'once' : `${shortCount(count)} times`)
const span = (first: number | null, last: number | null) =>
  first === null || last === null
    ? ''
    : first === last
      ? ` at ${formatTime(first)}`
      : `, first at ${formatTime(first)}, last at ${formatTime(last)}`

/** What it is worth. */
function notes(it: RuleTestStep): string[] {
  const kept = it.kept === null ? 'the log holds none for it' : `what the log holds for it begins at ${formatTime(it.kept)}`
  return [
    it.readings === 0 ? `no reading in this time: ${kept}` : `${shortCount(it.readings)} readings${span(it.readFrom, it.readTo)}`,
    ...(it.aggregated > 0
      ? [`${shortCount(it.aggregated)} readings of this time are left as aggregates only, which no rule reads`]
      : []),
    ...(it.late > 0 ? [`${shortCount(it.late)} readings came too late for their windows`] : []),
    ...(it.overflowed > 0 ? [`${shortCount(it.overflowed)} readings or events did not fit`] : []),
    ...(it.errors > 0 ? [`the expression had no result ${times(it.errors)}, the last time: ${it.lastError}`] : []),
    ...(it.isWhole ? [] : ['the time for a test was up: the rest was not looked at; take a shorter range']),
  ]
}

function eventTable(found: readonly RuleTestEvent[]): string[] {
  const rows = found.map(({ time, text }) => {
    const { tag, value, unit = '', quality } = JSON.parse(text) as { tag: string; value: unknown; unit?: string; quality: string }
    return [formatTime(time), tag, `${value ?? '-'}${unit && ` ${unit}`}`, quality]
  })
  return table([{ title: 'TIME' }, { title: 'TAG' }, { title: 'VALUE', align: 'right' }, { title: 'QUALITY' }], rows)
}
