// From lines to readings. A line that fails costs its readings, each of them named in the ledger; the next line is another matter.
import type { BatchBuilder } from '../../core/batch.ts'
import { VALUE_BYTES_MAX } from '../../core/bounds.ts'
import type { Micros, ValueKind } from '../../core/reading.ts'
import type { Field, Fields } from './fields.ts'
import type { FileTag, LineSettings } from './settings.ts'
import { timeParser } from './times.ts'

/** Of a reading that may be in the log already: it was handed over before a kill, and nobody knows how far. */
export const STATUS_MAYBE_STORED = 1
/** A tag beyond is refused as 'too-many-tags'. */
const TAGS_MAX = 50_000
const KINDS = { number: 'double', int: 'long', bool: 'bool', string: 'string' } as const satisfies Record<string, ValueKind>
const INT64_MAX = 2n ** 63n - 1n
const TRUE = /^(true|1|on|yes)$/i
const FALSE = /^(false|0|off|no)$/i

export interface Line {
  readonly text: string
  /** Of the file, without its ending. */
  readonly file: string
  readonly fields: Fields
  readonly isMaybeStored: boolean
}

export interface LineMapping {
  /** Adds a line's readings; says what was wrong with it, undefined: nothing. */
  take(line: Line): string | undefined
  /** All readings of a line that is none. */
  refuse(): void
}

interface Slot {
  readonly settings: FileTag
  readonly parts: readonly string[]
  /** Fields between them. */
  readonly names: readonly string[]
  readonly series: Map<string, number>
}

export function lineMapping(settings: LineSettings, builder: BatchBuilder): LineMapping {
  const slots = settings.tags.map(slotOf)
  const { time } = settings
  const parseTime = time && timeParser(time.format, time.zone)
  const decimal = settings.format === 'csv' ? settings.decimal : '.'
  const none: ReadonlySet<Field> = new Set(settings.format === 'csv' ? settings.none : [])
  let tagCount = 0

  function timeOf(field: (column: string | number) => Field): Micros | undefined {
    if (!time || !parseTime) return builder.now()
    return parseTime(time.columns.map((it) => field(it) ?? '').join(' '))
  }

  function seriesOf(slot: Slot, tag: string): number | undefined {
    const known = slot.series.get(tag)
    if (known !== undefined || tagCount >= TAGS_MAX) return known
    tagCount++
    const { type, class: className, unit } = slot.settings
    const number = builder.series({
      tag,
      class: className,
      kind: KINDS[type],
      ...(unit !== undefined && { unit }),
      ...(!time && { boxTime: true as const }),
    })
    slot.series.set(tag, number)
    return number
  }

  /** What was wrong; undefined: nothing. */
  function takeOne(slot: Slot, at: Micros, field: (column: string | number) => Field, line: Line): string | undefined {
    const { column, type, class: className } = slot.settings
    const given = field(column)
    if (given === undefined || given === null || given === '' || none.has(given)) return undefined
    const tag = tagOf(slot, field, line.file)
    const value = tag === undefined ? undefined : valueOf(given, type, decimal)
    if (tag === undefined || value === undefined) {
      builder.refuse(className, 'unreadable', at)
      return tag === undefined
        ? `a field of the tag ${slot.settings.tag} is empty`
        : `${String(given).slice(0, 40)} in ${column} is no ${type}`
    }
    const series = seriesOf(slot, tag)
    if (series === undefined) {
      builder.refuse(className, 'too-many-tags', at)
      return `more than ${TAGS_MAX} tags`
    }
    const status = line.isMaybeStored ? STATUS_MAYBE_STORED : 0
    if (typeof value === 'string') builder.addString(series, at, value, 0, status)
    else if (typeof value === 'bigint') builder.addLong(series, at, value, 0, status)
    else builder.add(series, at, value, 0, status)
    return undefined
  }

  function refuse(): void {
    for (const { settings: it } of slots) builder.refuse(it.class, 'unreadable', builder.now())
  }

  function refuseAll(text: string): string {
    refuse()
    return text
  }

  return {
    refuse,
    take(line) {
      const field = line.fields(line.text)
      if (!field) return refuseAll(settings.format === 'csv' ? 'a quote is not closed' : 'is no JSON object')
      const at = timeOf(field)
      if (at === undefined)
        return refuseAll(
          `the time ${(time?.columns ?? [])
            .map((it) => String(field(it)))
            .join(' ')
            .slice(0, 60)} cannot be read`,
        )
      let problem: string | undefined
      for (const slot of slots) problem = takeOne(slot, at, field, line) ?? problem
      return problem
    },
  }
}

function slotOf(settings: FileTag): Slot {
  const pieces = settings.tag.split(/\{([^{}]+)\}/)
  const parts = pieces.filter((_, at) => at % 2 === 0)
  return { settings, parts, names: pieces.filter((_, at) => at % 2 === 1), series: new Map() }
}

/** Undefined: a field of it is empty. */
function tagOf({ parts, names }: Slot, field: (column: string) => Field, file: string): string | undefined {
  let tag = parts[0] as string
  for (const [at, name] of names.entries()) {
    const text = name === 'file' ? file : String(field(name) ?? '').trim()
    if (text === '') return undefined
    tag += text.slice(0, 200) + (parts[at + 1] as string)
  }
  return tag
}

function valueOf(given: Field, type: FileTag['type'], decimal: string): number | bigint | string | undefined {
  if (type === 'string') return textOf(String(given))
  if (type === 'bool') return boolOf(String(given).trim())
  const text = typeof given === 'string' ? given.trim() : given
  return type === 'int' ? longOf(text) : doubleOf(text, decimal)
}

function textOf(text: string): string | undefined {
  return Buffer.byteLength(text) <= VALUE_BYTES_MAX ? text : undefined
}

function boolOf(text: string): number | undefined {
  if (TRUE.test(text)) return 1
  return FALSE.test(text) ? 0 : undefined
}

function longOf(given: Field): bigint | undefined {
  const isWhole = typeof given === 'bigint' || (typeof given === 'number' && Number.isSafeInteger(given))
  if (!isWhole && !(typeof given === 'string' && /^[+-]?\d{1,20}$/.test(given))) return undefined
  const value = BigInt(given as string | number | bigint)
  return value <= INT64_MAX && value >= -INT64_MAX - 1n ? value : undefined
}

function doubleOf(given: Field, decimal: string): number | undefined {
  if (typeof given === 'number') return given
  if (typeof given === 'bigint') return Number(given)
  if (typeof given !== 'string') return undefined
  if (/^nan$/i.test(given)) return Number.NaN
  const infinite = /^([+-]?)inf(inity)?$/i.exec(given)
  if (infinite) return infinite[1] === '-' ? -Infinity : Infinity
  const text = decimal === ',' ? given.replace(',', '.') : given
  const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$/.test(text) && !(decimal === ',' && given.includes('.'))
  return isNumber ? Number(text) : undefined
}
