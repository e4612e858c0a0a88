// Which issues there were: one line for each, whatever its text counts and however often it comes and goes; over restarts and torn files.
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { watchIssues } from '../../src/agent-issues.ts'
import { ISSUES_KEPT_MAX } from '../../src/core/bounds.ts'
import type { Issue } from '../../src/core/status.ts'
import { issueHistory } from '../../src/pipeline/issue-history.ts'
import { statusNow } from '../local-api/hand-made-agent.ts'

/** Microseconds at which the clock that never jumps says 0. */
const BEGIN = 1_795_000_000_000_000
const S = 1_000_000

function clockAt() {
  const at = { ms: 0, offset: BEGIN }
  return Object.assign(at, { now: () => at.offset + at.ms * 1_000, monotonic: () => at.ms })
}

const down = (name: string, why = 'no answer'): Issue => ({
  code: 'source-down',
  severity: 'warning',
  text: `Source ${name} is down: ${why}`,
  remedy: 'look',
  of: name,
})
const full = (share: number): Issue => ({
  code: 'log-full',
  severity: 'problem',
  text: `The log is ${share} % full`,
  remedy: 'more',
})

describe('in memory', () => {
  test('an issue is one line from its begin to its end', () => {
    const clock = clockAt()
    const history = issueHistory([], clock)
    history.look([down('a'), full(81)])
    clock.ms = 20_000
    history.look([down('a', 'another reason'), down('b'), full(90)])
    clock.ms = 40_000
    history.look([down('b')])
    const seen = history.list().map((it) => [it.code, it.of, (it.begun - BEGIN) / S, it.ended && (it.ended - BEGIN) / S, it.text])
    expect(seen).toEqual([
      ['source-down', 'b', 20, null, 'Source b is down: no answer'],
      ['log-full', undefined, 0, 40, 'The log is 90 % full'],
      ['source-down', 'a', 0, 40, 'Source a is down: another reason'],
    ])
  })

  test('what is back within a minute had not ended; what is back later is another', () => {
    const clock = clockAt()
    const history = issueHistory([], clock)
    const turns: readonly (readonly [number, boolean])[] = [
      [0, true],
      [10, false],
      [69, true],
      [70, false],
      [131, true],
    ]
    for (const [s, isThere] of turns) {
      clock.ms = s * 1_000
      history.look(isThere ? [down('a')] : [])
    }
    expect(history.list().map((it) => [it.begun - BEGIN, it.ended && it.ended - BEGIN, it.times])).toEqual([
      [131 * S, null, 1],
      [0, 70 * S, 2],
    ])
  })

  test('times of this run follow a step of the clock, and are to be written anew', () => {
    const clock = clockAt()
    const history = issueHistory([], clock)
    history.look([down('a')])
    clock.ms = 5_000
    history.look([])
    expect(history.changes()).toHaveLength(1)
    expect(history.changes()).toEqual([])
    clock.offset += 3_600 * S
    history.clockStepped()
    expect(history.changes()).toMatchObject([{ begun: BEGIN + 3_600 * S, ended: BEGIN + 3_605 * S }])
  })

  test('so many that are over are known, the youngest', () => {
    const clock = clockAt()
    const history = issueHistory([], clock)
    const count = ISSUES_KEPT_MAX + 20
    for (let n = 0; n < count; n++) {
      clock.ms = n * 1_000
      history.look([down(`s-${n}`), full(90)])
    }
    const all = history.list()
    expect(all.filter((it) => it.ended !== null)).toHaveLength(ISSUES_KEPT_MAX)
    expect(all.filter((it) => it.ended === null).map((it) => it.of ?? it.code)).toEqual([`s-${count - 1}`, 'log-full'])
    expect(all.some((it) => it.of === 's-0')).toBe(false)
    expect(history.all().length).toBe(ISSUES_KEPT_MAX + 2)
  })

  test('one of the run before goes on where it comes back, and else ended while nobody looked', () => {
    const clock = clockAt()
    const first = issueHistory([], clock)
    first.look([down('a'), down('b')])
    const later = clockAt()
    later.offset = BEGIN + 600 * S
    const second = issueHistory(first.all(), later)
    later.ms = 5_000
    second.look([])
    // A source that begins is not down yet.
    expect(second.list().map((it) => it.ended)).toEqual([null, null])
    later.ms = 10_000
    second.look([down('a')])
    later.ms = 61_000
    second.look([down('a')])
    expect(second.list().map((it) => [it.of, it.begun - BEGIN, it.ended && it.ended - BEGIN])).toEqual([
      ['a', 0, null],
      ['b', 0, 600 * S],
    ])
  })
})

describe('on disk', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'hf-issues-'))
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  })
  afterEach(() => {
    vi.useRealTimers()
    rmSync(dir, { recursive: true })
  })
  const logger = { debug() {}, info() {}, warn: vi.fn(), error() {} }
  const fileLines = () => readFileSync(join(dir, 'issues.jsonl'), 'utf8').split('\n').slice(0, -1)

  /** Looks once for each list of issues, five seconds apart. */
  async function lived(clock: ReturnType<typeof clockAt>, looks: readonly (readonly Issue[])[], closes = true) {
    let issues: readonly Issue[] = []
    const watch = await watchIssues({ dir, clock, logger, status: async () => statusNow({ issues }) })
    for (issues of looks) {
      clock.ms += 5_000
      await vi.advanceTimersByTimeAsync(5_000)
    }
    if (closes) await watch.close()
    return watch
  }

  test('what ended is known after a restart; a flood of changes is few writes', async () => {
    const flapping = Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? [down('a')] : []))
    await lived(clockAt(), flapping)
    // Five minutes: no more than a line a minute and one of the end.
    expect(fileLines().length).toBeLessThanOrEqual(6)
    const clock = clockAt()
    clock.offset = BEGIN + 1_000 * S
    const watch = await lived(clock, [[]])
    expect(watch.list()).toMatchObject([
      { code: 'source-down', of: 'a', begun: BEGIN + 5 * S, ended: BEGIN + 300 * S, times: 30 },
    ])
  })

  test('begun before a power cut: its begin is known, and a torn line costs only itself', async () => {
    const cut = await lived(clockAt(), [[down('a')], [down('a')]], false)
    expect(cut.list()).toHaveLength(1)
    await vi.waitUntil(() => fileLines().length === 1)
    appendFileSync(join(dir, 'issues.jsonl'), '{"n":2,"code":"sour')
    const clock = clockAt()
    clock.offset = BEGIN + 600 * S
    const watch = await lived(clock, [[down('a'), down('b')]])
    expect(watch.list().map((it) => [it.of, it.begun - BEGIN, it.ended])).toEqual([
      ['b', 605 * S, null],
      ['a', 5 * S, null],
    ])
    // The file is whole again.
    expect(fileLines().map((it) => (JSON.parse(it) as Issue).of)).toEqual(['a', 'b'])
  })

  test('what could not be written is written with the next, or at the end', async () => {
    const path = join(dir, 'issues.jsonl')
    mkdirSync(path)
    const watch = await lived(clockAt(), [[down('a')]], false)
    await vi.waitUntil(() => logger.warn.mock.calls.length > 0)
    rmdirSync(path)
    await watch.close()
    expect(fileLines().map((it) => (JSON.parse(it) as Issue).of)).toEqual(['a'])
  })

  test('the file stays bounded', async () => {
    const many = Array.from({ length: 40 }, (_, n) => Array.from({ length: 100 }, (__, at) => down(`s-${n}-${at}`)))
    const clock = clockAt()
    // Of a box that starts every few seconds too, which sees the end of none.
    for (const it of many) {
      await lived(clock, [it])
      expect(fileLines().length).toBeLessThanOrEqual(4 * ISSUES_KEPT_MAX)
    }
    clock.offset += 3_600 * S
    const known = (
      await lived(
        clock,
        Array.from({ length: 13 }, () => []),
      )
    ).list()
    expect(known.filter((it) => it.ended !== null)).toHaveLength(ISSUES_KEPT_MAX)
    expect(known).toHaveLength(ISSUES_KEPT_MAX)
    expect(known.some((it) => it.of === 's-39-99')).toBe(true)
  })
})
