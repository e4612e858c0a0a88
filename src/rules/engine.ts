// Rules at work: readings in the log's order go in, events come out.
//
//   slice ─► each reading ─► the rules that read its tag ─► window of (rule, tag) ─closed─► expression ─true─► event
//
// Pure: no clock, no I/O. What must hold: the same readings of a tag in the same order give the same events, each of the reading that brought
// it about: by that reading's number is told what the log has already.
import type { ReadingColumns } from '../core/aggregate.ts'
import { RULE_READINGS_MAX, RULE_TAGS_MAX } from '../core/bounds.ts'
import type { LogSeries } from '../core/log.ts'
import { slotValue } from '../core/query.ts'
import { NO_VALUE, QUALITIES } from '../core/reading.ts'
import type { RulePositions, RuleReport, RuleSettings } from '../core/rule.ts'
import { RULE_TAGS } from '../core/rule.ts'
import { streamOf } from '../core/stream.ts'
import { tagMatcher } from '../core/tag-pattern.ts'
import type { RuleEvent } from './event.ts'
import { eventOf } from './event.ts'
import type { Expression, Names } from './expression.ts'
import { compile } from './expression.ts'
import { WindowView } from './view.ts'
import type { Room, SavedWindows, Windows } from './windows.ts'
import { createWindows } from './windows.ts'

export interface RuleSlice {
  /** `streamKey`. */
  readonly stream: string
  readonly from: number
  readonly to: number
  readonly columns: ReadingColumns
  readonly series: ReadonlyMap<number, LogSeries>
  /** What to add to the times of a series. */
  readonly shiftOf: (series: LogSeries) => number
}

export interface RuleEngine {
  /** Takes readings from the number `from` on until all are taken or events enough have come; says where it goes on. */
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
}

interface Tracked {
  readonly windows: Windows | undefined
  /** What the expression said last. */
  held: boolean
}

interface Rule {
  readonly settings: RuleSettings
  readonly expression: Expression
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
}

export function createEngine({ rules: settings, saved = {}, marks, eventsBytesMax }: EngineParts): RuleEngine {
  const room = { left: RULE_READINGS_MAX }
  const rules = settings.map((it) => createRule(it, saved[it.name], room))
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
        const event = eventOf(rule.settings, it, device)
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
        if (bytes >= eventsBytesMax) return { next: sequence + 1, events }
      }
      return { next: slice.to, events }
    },
    save: () => Object.fromEntries(rules.map((it) => [it.settings.name, saveRule(it)])),
    reports: () => rules.map(({ settings: { name }, told }) => ({ name, ...told })),
  }
}

function createRule(settings: RuleSettings, saved: SavedRule | undefined, room: Room): Rule {
  const expression = compile(settings.when, settings.window !== undefined)
  const tags = new Map<string, Tracked>()
  const rule: Rule = {
    settings,
    expression,
    room,
    reads: readsOf(settings),
    tags,
    told: { events: 0, lastEvent: null, late: 0, overflowed: 0, errors: 0, lastError: null },
  }
  if (saved?.of === JSON.stringify(settings)) for (const it of saved.tags) tags.set(it.tag, track(rule, it))
  return rule
}

function track({ settings: { window }, expression, room }: Rule, saved?: SavedTag): Tracked {
  return {
    windows: window && createWindows(window, expression.usesSorted, saved?.windows, room),
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
  const saved = [...tags].map(([tag, { held, windows }]) => ({ tag, held, windows: windows?.save() }))
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
    if (isHit(rule, tracked, names)) yield names
    return
  }
  const value = typeof names.value === 'bigint' || typeof names.value === 'boolean' ? Number(names.value) : names.value
  const { held } = windows
  if (!windows.add(names.time, typeof value === 'number' ? value : Number.NaN, quality)) rule.told.late++
  for (const window of windows.closed()) {
    const last = window.to - 1
    const about = {
      ...names,
      value: held.value(last),
      time: held.time(last),
      quality: QUALITIES[held.quality(last)] as string,
      window: new WindowView(held, window),
    }
    if (isHit(rule, tracked, about)) yield about
  }
  rule.told.overflowed += windows.overflowed()
}

function isHit({ settings, expression, told }: Rule, tracked: Tracked, names: Names): boolean {
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

function namesOf({ columns, shiftOf }: RuleSlice, i: number, series: LogSeries): Names {
  const quality = columns.quality[i] as number
  const isNone = (quality & NO_VALUE) !== 0
  return {
    tag: series.tag,
    class: series.class,
    unit: series.unit ?? '',
    quality: QUALITIES[quality & 3] as string,
    // No number is less, greater or the same: an expression need not ask first.
    value: isNone ? Number.NaN : figure(slotValue(series.kind, columns.value as Float64Array, columns.bytes, i)),
    time: (columns.time[i] as number) + shiftOf(series),
  }
}

const qualityOf = ({ columns }: RuleSlice, i: number) => (columns.quality[i] as number) & 3

function seriesByRow({ count, seriesIds, runs }: ReadingColumns): Uint32Array {
  const series = new Uint32Array(count)
  let at = 0
  runs.forEach((length, run) => {
    series.fill(seriesIds[run] as number, at, at + length)
    at += length
  })
  return series
}

/** Rows and numbers of [from, to) by number: blocks of readings that keep their numbers are in another order. */
function* inOrder({ count, first, sequence }: ReadingColumns, from: number, to: number): Iterable<readonly [number, number]> {
  if (!sequence) {
    for (let number = Math.max(from, first); number < Math.min(to, first + count); number++) yield [number - first, number]
    return
  }
  const rows = new Uint32Array(count).map((_, i) => i).sort((a, b) => (sequence[a] as number) - (sequence[b] as number))
  for (const row of rows) {
    const number = sequence[row] as number
    if (number >= from && number < to) yield [row, number]
  }
}

/** All figures are doubles; a whole number that none can hold stays as it is. */
const figure = (it: unknown): unknown => (typeof it === 'bigint' && Number.isSafeInteger(Number(it)) ? Number(it) : it)
