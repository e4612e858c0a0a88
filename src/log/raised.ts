// What lies around rules' events: whole raw blocks of the box's streams whose class has a tag that the rule reads. No step of a ladder applies to
// them, and of their class they go last.
//
//   rules:raising   which rules raise, with what they read; as the log was opened
//   rules:raised    by rule and box: from when to when; written in the transaction of the events
//
// Readings of other tags in those blocks stay with them. A rule that is gone raises nothing.
import { RAISED_MAX } from '../core/bounds.ts'
import type { SliceTime } from '../core/log.ts'
import type { Raised, Raising } from '../core/rule.ts'
import { tagMatcher } from '../core/tag-pattern.ts'
import type { BlockRow } from './catalogue.ts'
import type { Journal } from './journal.ts'
import type { StoredStream } from './stored.ts'

export const RAISING = 'rules:raising'
export const RAISED = 'rules:raised'

/** What touches becomes one; where they are too many, those go that ended first. */
export function joinRaised(known: readonly Raised[], more: readonly Raised[]): Raised[] {
  const sorted = [...known, ...more].toSorted((a, b) => a.from - b.from)
  const joined: Raised[] = []
  for (const it of sorted) {
    const at = joined.findIndex((one) => one.rule === it.rule && one.device === it.device && it.from <= one.to)
    if (at < 0) joined.push(it)
    else joined[at] = { ...it, from: (joined[at] as Raised).from, to: Math.max(it.to, (joined[at] as Raised).to) }
  }
  return joined.toSorted((a, b) => a.to - b.to).slice(-RAISED_MAX)
}

export type RaisedBlock = Pick<BlockRow, 'time_from' | 'time_to' | 'period'>

export interface RaisedReader {
  /** As things are now; undefined: nothing of the stream is raised. */
  of(stream: StoredStream): ((block: RaisedBlock) => boolean) | undefined
  /** So long, µs, an event may still come that raises what has come. */
  waitsUs(stream: StoredStream): number
}

export function createRaisedReader(db: Journal, timeOf: (period: number) => SliceTime): RaisedReader {
  const text = db.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck()
  const added = db.prepare<[number], { id: number; tag: string; class: string }>(
    'SELECT id, tag, class FROM series WHERE id > ? ORDER BY id',
  )
  const readers = cached((it: string) => (JSON.parse(it) as readonly Raising[]).map(readerOf), [])
  const raised = cached((it: string) => JSON.parse(it) as readonly Raised[], [])
  let lastSeries = 0

  /** Rules that read something of the stream's class. */
  function rulesOf({ class: name }: StoredStream): Raising[] {
    const all = readers(text.get(RAISING))
    if (all.length === 0) return []
    for (const it of added.all(lastSeries)) {
      for (const reader of all) if (reader.reads(it)) reader.classes.add(it.class)
      lastSeries = it.id
    }
    return all.filter((it) => it.classes.has(name)).map((it) => it.rule)
  }

  return {
    of(stream) {
      if (stream.form !== 'raw') return undefined
      const rules = new Set(rulesOf(stream).map((it) => it.rule))
      if (rules.size === 0) return undefined
      const times = raised(text.get(RAISED)).filter((it) => it.device === stream.device && rules.has(it.rule))
      if (times.length === 0) return undefined
      return ({ time_from, time_to, period }) => {
        // Whose clock a series' times are of, a block does not say.
        const { shiftUs } = timeOf(period)
        const [from, to] = [time_from + Math.min(0, shiftUs), time_to + Math.max(0, shiftUs)]
        return times.some((it) => it.from <= to && it.to >= from)
      }
    },
    waitsUs: (stream) => Math.max(0, ...rulesOf(stream).map((it) => it.beforeMs * 1000)),
  }
}

interface Reader {
  readonly rule: Raising
  reads(series: { readonly tag: string; readonly class: string }): boolean
  /** With a tag that it reads. */
  readonly classes: Set<string>
}

function readerOf(rule: Raising): Reader {
  const { tags, classes } = rule.reads
  const matchers = tags?.map(tagMatcher)
  return {
    rule,
    reads: (it) => (matchers?.some((fits) => fits(it.tag)) ?? true) && (classes?.includes(it.class) ?? true),
    classes: new Set(),
  }
}

/** Parsed anew only where the text is another. */
function cached<T>(parse: (text: string) => T, none: T): (text: string | undefined) => T {
  let [last, value]: [string | undefined, T] = [undefined, none]
  return (text) => {
    if (text !== last) [last, value] = [text, text === undefined ? none : parse(text)]
    return value
  }
}
