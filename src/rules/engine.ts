// Rules at work: readings in the log's order go in, events come out.
//
//   slice ─► each reading ─► the rules that read its tag ─► window of (rule, tag) ─closed─► expression ─true─► event
//
// Pure: no clock, no I/O; a model is asked by the function that is handed in. What must hold: the same readings of a tag in the same order give the same events, each of the reading that brought
// it about: by that reading's number is told what the log has already.
import { RULE_READINGS_MAX, RULE_TAGS_MAX } from '../core/bounds.ts'
import type { LogSeries } from '../core/log.ts'
import type { Score } from '../core/model.ts'
import { GOOD, QUALITIES } from '../core/reading.ts'
import type { RulePositions, RuleReport, RuleSettings } from '../core/rule.ts'
import { RULE_TAGS } from '../core/rule.ts'
import { streamOf } from '../core/stream.ts'
import { tagMatcher } from '../core/tag-pattern.ts'
import type { Baseline, Cycle, SavedBaseline } from './baseline.ts'
import { createBaseline } from './baseline.ts'
import type { RuleEvent } from './event.ts'
import { eventOf } from './event.ts'
import type { Expression, Names } from './expression.ts'
import { compile } from './expression.ts'
import type { RuleScoring } from './model.ts'
import { createScoring } from './model.ts'
import type { RuleSlice } from './slice.ts'
import { inOrder, namesOf, qualityOf, seriesByRow } from './slice.ts'
import { WindowView } from './view.ts'
import type { Room, SavedWindows, Windows } from './windows.ts'
import { createWindows } from './windows.ts'

export interface RuleEngine {
  /** Takes readings from the number `from` on until all are taken, or it is enough; says where it goes on. */
  take(slice: RuleSlice, from: number): { readonly next: number; readonly events: readonly RuleEvent[] }
  save(): SavedRules
  reports(): RuleReport[]
}

/** Plain data, as a structured clone carries it. By rule. */
export type SavedRules = Readonly<Record<string, SavedRule>>

interface SavedRule {
  /** What the rule was: a rule that is another now begins anew. */
  readonly of: string
  readonly tags: readonly SavedTag[]
}

interface SavedTag {
  readonly tag: string
  readonly held: boolean
  readonly windows: SavedWindows | undefined
  /** Absent: the expression names none. */
  readonly baselines?: Readonly<Record<string, SavedBaseline>>
}

interface Tracked {
  readonly windows: Windows | undefined
  readonly baselines: readonly (readonly [Cycle, Baseline])[]
  /** What the expression said last. */
  held: boolean
}

interface Rule {
  readonly settings: RuleSettings
  readonly expression: Expression
  readonly usesSorted: boolean
  readonly cycles: readonly Cycle[]
  /** Absent: it has no model. */
  readonly scoring: RuleScoring | undefined
  readonly room: Room
  readonly reads: (series: LogSeries) => boolean
  readonly tags: Map<string, Tracked>
  readonly told: {
    events: number
    lastEvent: number | null
    late: number
    overflowed: number
    errors: number
    lastError: string | null
  }
}

interface Watch {
  readonly rule: Rule
  readonly device: string
  readonly tracked: Tracked
}

export interface EngineParts {
  readonly rules: readonly RuleSettings[]
  readonly saved?: SavedRules | undefined
  /** By class: events of readings below are in the log. */
  readonly marks: Readonly<Record<string, RulePositions>>
  /** Events of one `take`: it ends after the reading with which they are so many bytes. */
  readonly eventsBytesMax: number
  /** Absent: no model answers. */
  readonly score?: Score | undefined
  /** Asked after each reading that a rule reads: `take` ends there too. */
  readonly isEnough?: (() => boolean) | undefined
}

export function createEngine({ rules: settings, saved = {}, marks, eventsBytesMax, score, isEnough }: EngineParts): RuleEngine {
  const room = { left: RULE_READINGS_MAX }
  const rules = settings.map((it) => createRule(it, saved[it.name], room, score))
  /** By the log's number of the series. */
  const watches = new Map<number, readonly Watch[]>()

  function watchesOf(series: LogSeries, device: string): readonly Watch[] {
    let found = watches.get(series.id)
    if (found) return found
    // What rules say is no rule's reading: two could go on for ever.
    const readers = series.tag.startsWith(RULE_TAGS) ? [] : rules.filter((it) => it.reads(series))
    found = readers.flatMap((rule) => trackedOf(rule, device, series.tag) ?? [])
    watches.set(series.id, found)
    return found
  }

  function takeOne(
    slice: RuleSlice,
    i: number,
    sequence: number,
    series: LogSeries,
    watched: readonly Watch[],
    events: RuleEvent[],
  ): void {
    const names = namesOf(slice, i, series)
    let bytes = 0
    for (const { rule, device, tracked } of watched) {
      const told = marks[rule.settings.yields.class]?.[slice.stream] ?? 0
      for (const it of hits(rule, tracked, names, qualityOf(slice, i))) {
        const event = eventOf(rule.settings, it, device, it.model && rule.scoring?.saidIn(it.model))
        bytes += Buffer.byteLength(event.text)
        // All events of a step fit in one block.
        if (bytes > eventsBytesMax) rule.told.overflowed++
        if (bytes > eventsBytesMax || sequence < told) continue
        rule.told.events++
        rule.told.lastEvent = event.time
        events.push(event)
      }
    }
  }

  return {
    take(slice, from) {
      const events: RuleEvent[] = []
      const { columns } = slice
      const { device } = streamOf(slice.stream)
      const seriesOf = seriesByRow(columns)
      let bytes = 0
      for (const [i, sequence] of inOrder(columns, Math.max(from, slice.from), slice.to)) {
        const series = slice.series.get(seriesOf[i] as number)
        const watched = series ? watchesOf(series, device) : []
        if (!series || watched.length === 0) continue
        const before = events.length
        takeOne(slice, i, sequence, series, watched, events)
        for (const it of events.slice(before)) bytes += it.text.length * 3
        if (bytes >= eventsBytesMax || isEnough?.()) return { next: sequence + 1, events }
      }
      return { next: slice.to, events }
    },
    save: () => Object.fromEntries(rules.map((it) => [it.settings.name, saveRule(it)])),
    reports: () =>
      rules.map(({ settings: { name }, told, scoring }) => ({ name, ...told, ...(scoring && { model: scoring.report() }) })),
  }
}

function createRule(settings: RuleSettings, saved: SavedRule | undefined, room: Room, score: Score | undefined): Rule {
  const { model } = settings
  const sees = { hasWindow: settings.window !== undefined, ...(model && { model: Object.keys(model.outputs) }) }
  const expression = compile(settings.when, sees)
  const scoring = createScoring(settings, score)
  const tags = new Map<string, Tracked>()
  const rule: Rule = {
    settings,
    expression,
    usesSorted: expression.usesSorted || scoring?.usesSorted === true,
    cycles: [...new Set([...expression.baselines, ...(scoring?.baselines ?? [])])],
    scoring,
    room,
    reads: readsOf(settings),
    tags,
    told: { events: 0, lastEvent: null, late: 0, overflowed: 0, errors: 0, lastError: null },
  }
  if (saved?.of === JSON.stringify(settings)) for (const it of saved.tags) tags.set(it.tag, track(rule, it))
  return rule
}

function track({ settings: { window }, usesSorted, cycles, room }: Rule, saved?: SavedTag): Tracked {
  return {
    windows: window && createWindows(window, usesSorted, saved?.windows, room),
    baselines: cycles.map((it) => [it, createBaseline(it, saved?.baselines?.[it], room)]),
    held: saved?.held ?? false,
  }
}

/** Undefined: it watches as many tags as it may. */
function trackedOf(rule: Rule, device: string, tag: string): Watch | undefined {
  // Two boxes may have the same tag.
  const key = `${device} ${tag}`
  let tracked = rule.tags.get(key)
  if (!tracked) {
    if (rule.tags.size >= RULE_TAGS_MAX) {
      rule.told.overflowed++
      return undefined
    }
    rule.tags.set(key, (tracked = track(rule)))
  }
  return { rule, device, tracked }
}

function saveRule({ settings, tags }: Rule): SavedRule {
  const saved = [...tags].map(([tag, { held, windows, baselines }]) => ({
    tag,
    held,
    windows: windows?.save(),
    ...(baselines.length > 0 && { baselines: Object.fromEntries(baselines.map(([cycle, it]) => [cycle, it.save()])) }),
  }))
  return { of: JSON.stringify(settings), tags: saved }
}

function readsOf({ reads: { tags, classes } }: RuleSettings): (series: LogSeries) => boolean {
  const matchers = tags?.map(tagMatcher)
  return (it) => (matchers?.some((fits) => fits(it.tag)) ?? true) && (classes?.includes(it.class) ?? true)
}

/** What a reading brings about: the names with which the expression is true. */
function* hits(rule: Rule, tracked: Tracked, names: Names, quality: number): Iterable<Names> {
  const { windows } = tracked
  if (!windows) {
    const hit = hitOf(rule, tracked, names)
    if (hit) yield hit
    return
  }
  const { held } = windows
  rule.told.late += windows.add(names.time, numberOf(names.value), quality)
  for (const window of windows.closed()) {
    const last = window.to - 1
    const about = {
      ...names,
      value: held.value(last),
      time: held.time(last),
      quality: QUALITIES[held.quality(last)] as string,
      window: new WindowView(held, window),
    }
    const hit = hitOf(rule, tracked, about)
    if (hit) yield hit
  }
  rule.told.overflowed += windows.overflowed()
}

/** All that it sees, where it is true; then what was seen is learnt. */
function hitOf(rule: Rule, tracked: Tracked, names: Names): Names | undefined {
  if (tracked.baselines.length === 0) return withScore(rule, tracked, names)
  const value = numberOf(names.value)
  const usual = tracked.baselines.map(([cycle, it]) => [cycle, it.at(names.time, value)])
  const hit = withScore(rule, tracked, { ...names, ...Object.fromEntries(usual) })
  if (names.quality === QUALITIES[GOOD])
    for (const [, it] of tracked.baselines) if (!it.learn(names.time, value)) rule.told.overflowed++
  return hit
}

function withScore(rule: Rule, tracked: Tracked, names: Names): Names | undefined {
  const { scoring } = rule
  const seen = scoring ? { ...names, model: scoring.viewOf(names) } : names
  const before = tracked.held
  if (holds(rule, tracked, seen)) return seen
  const said = scoring && seen.model && scoring.saidIn(seen.model)
  // Without a score nobody knows whether it is over: when one comes again, what goes on is no rise.
  if (said && !said.of) tracked.held ||= before
  return undefined
}

function holds({ settings, expression, told }: Rule, tracked: Tracked, names: Names): boolean {
  const before = tracked.held
  try {
    tracked.held = expression.holds(names)
  } catch (error) {
    told.errors++
    told.lastError = (error as Error).message.split('\n')[0] ?? ''
    return false
  }
  return tracked.held && (settings.yields.on === 'each' || !before)
}

function numberOf(value: unknown): number {
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value)
  return typeof value === 'number' ? value : Number.NaN
}
