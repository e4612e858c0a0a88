// P11: what rules take of a core: 200 rules beside 10,000 readings a second, in the real log with its threads. In two ways: each reading is read by one
// rule, by 20.
//
//   node test/bench/rules.ts [--seconds 20] [--rules 200] [--rate 10000] [--json]
//
// Of the rules' thread alone its share of a core, of the process with all of the log's threads too; how many readings are behind when the last one was
// acknowledged, and how long it takes until none is. Rules are of four kinds in turn: each reading by itself, a sliding window with its robust z,
// a tumbling window, the hour of the day.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { BatchBuilder, newOrigin } from '../../src/core/batch.ts'
import type { RuleSettings } from '../../src/core/rule.ts'
import type { OpenLog } from '../../src/workers/open-log.ts'
import type { RulesHost } from '../../src/workers/rules-host.ts'
import { rulesHost } from '../../src/workers/rules-host.ts'
import type { Line } from './lines.ts'
import { line, machine, noter, print, whole } from './lines.ts'
import { openBenchLog } from './log.ts'

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    rules: { type: 'string', default: '200' },
    rate: { type: 'string', default: '10000' },
    json: { type: 'boolean', default: false },
  },
})
const SECONDS = Number(options.seconds)
const RULES = Number(options.rules)
const RATE = Number(options.rate)
const WARM_SECONDS = 5
const TAGS = 1_000
const SLEEP_MS = 5
const TICKS_PER_SECOND = 100
const CAUGHT_UP_MS_MAX = 600_000
const T0 = 1_767_225_600_000_000
const note = noter('rules')

/** None of them is ever true: what is measured is the watching. */
const KINDS: readonly Pick<RuleSettings, 'window' | 'when'>[] = [
  { when: 'value > 1000000.0 && quality == "good"' },
  { window: { kind: 'sliding', lengthMs: 20_000, graceMs: 0 }, when: 'abs(window.robustZ) > 1000.0' },
  { window: { kind: 'tumbling', lengthMs: 10_000, graceMs: 1_000 }, when: 'window.mean > 1000000.0' },
  { when: 'hourOfDay.count > 20.0 && abs(hourOfDay.robustZ) > 1000.0' },
]

/** `readers`: so many rules read each tag. */
function rulesFor(readers: number): RuleSettings[] {
  const groups = RULES / readers
  return Array.from({ length: RULES }, (_, n) => ({
    name: `rule-${n}`,
    reads: { tags: [`group-${n % groups}/*`] },
    ...(KINDS[(Math.floor(n / groups) + n) % KINDS.length] as (typeof KINDS)[number]),
    yields: { class: 'process', on: 'rise' },
  }))
}

/** Each tag in its turn, `RATE` readings a second in all, slow waves with noise. */
function plantOf(groups: number) {
  const builder = new BatchBuilder(newOrigin(0))
  const numbers = Array.from({ length: TAGS }, (_, n) =>
    builder.series({ tag: `group-${n % groups}/tag-${n}`, class: 'process', kind: 'double' }),
  )
  return (from: number, to: number) => {
    for (let n = from; n < to; n++) {
      const tag = n % TAGS
      builder.add(numbers[tag] as number, T0 + (n * 1e6) / RATE, Math.sin(n / 1e6 + tag) * 10 + Math.random())
    }
    return builder.take(T0 + (to * 1e6) / RATE)
  }
}

/** CPU of threads of this process, s, by their number. */
function threads(): Map<string, number> {
  return new Map(
    readdirSync('/proc/self/task').flatMap((id) => {
      try {
        const stat = readFileSync(`/proc/self/task/${id}/stat`, 'utf8')
        const [user, system] = stat
          .slice(stat.lastIndexOf(')') + 2)
          .split(' ')
          .slice(11, 13)
          .map(Number) as [number, number]
        return [[id, (user + system) / TICKS_PER_SECOND] as const]
      } catch {
        // It ended between.
        return []
      }
    }),
  )
}

const sumOf = (cpu: ReadonlyMap<string, number>, ids: Iterable<string>) =>
  [...ids].reduce((sum, id) => sum + (cpu.get(id) ?? 0), 0)

async function behind(rules: RulesHost): Promise<number> {
  const { rules: each, lagReadings, missed } = await rules.report()
  const left = each.reduce((sum, it) => sum + it.overflowed + it.errors, missed)
  // Else it would be less work than is said.
  if (left > 0) throw new Error(`${left} readings were not worked through`)
  return lagReadings ?? Infinity
}

/** Until none is behind, ms. */
async function caughtUp(rules: RulesHost): Promise<number> {
  const begun = performance.now()
  while ((await behind(rules)) > 0) {
    if (performance.now() - begun > CAUGHT_UP_MS_MAX) throw new Error('the rules do not catch up')
    await sleep(SLEEP_MS)
  }
  return performance.now() - begun
}

/** `RATE` a second for so long; all are durable when it resolves. */
async function feed(log: OpenLog, make: ReturnType<typeof plantOf>, from: number, seconds: number): Promise<number> {
  const begun = performance.now()
  const appends: Promise<void>[] = []
  let sent = from
  for (const end = from + RATE * seconds; sent < end; await sleep(SLEEP_MS)) {
    const due = Math.min(end, from + Math.floor(((performance.now() - begun) * RATE) / 1000))
    if (due > sent) appends.push(log.writer.append(make(sent, due)))
    sent = Math.max(sent, due)
  }
  await Promise.all(appends)
  return sent
}

async function measured(readers: number): Promise<Line[]> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-bench-rules-'))
  const log = await openBenchLog(dir, { rules: true, keepDeliveredMs: 86_400_000 })
  const make = plantOf(RULES / readers)
  const known = new Set(threads().keys())
  const wrong = (fields: object) => {
    throw new Error(JSON.stringify(fields))
  }
  const rules = rulesHost({ rules: rulesFor(readers) }, log.rules, { debug() {}, info() {}, warn: wrong, error: wrong })
  const own = [...threads().keys()].filter((id) => !known.has(id))
  if (own.length !== 1) throw new Error(`the rules run in ${own.length} threads`)
  await caughtUp(rules)
  const sent = await feed(log, make, 0, WARM_SECONDS)
  await caughtUp(rules)
  const before = threads()
  await feed(log, make, sent, SECONDS)
  const left = await behind(rules)
  const caughtUpMs = await caughtUp(rules)
  const after = threads()
  // Of the time in which these readings come, however long others let it take here.
  const share = (ids: Iterable<string>) => ((sumOf(after, ids) - sumOf(before, ids)) / SECONDS) * 100
  const what = `${RULES} rules at ${whole(RATE)} readings/s, each read by ${readers}`
  const lines = [
    line('P11', `${what}: rules' thread`, '% of a core', share(own), [100, 'one core']),
    line('P11', `${what}: all threads`, '% of a core', share(after.keys())),
    line('P11', `${what}: behind at the end`, 'readings', left, [RATE, 'those of a second']),
    line('P11', `${what}: until none is behind`, 'ms', caughtUpMs),
  ]
  await rules.stop()
  await log.close()
  rmSync(dir, { recursive: true, force: true })
  return lines
}

note(machine())
print([...(await measured(1)), ...(await measured(20))], options.json)
process.exit(0)
