// A line as a row of fields, whatever the format: CSV by column, JSON by path.
import { splitCsv } from '../../core/csv.ts'
import type { CsvSettings, LineSettings } from './settings.ts'

/** What stands in a line. Undefined: nothing there. JSON gives what JSON has; exact integers as bigint. */
export type Field = string | number | bigint | boolean | null | undefined

/** Undefined: the line cannot be taken apart. */
export type Fields = (line: string) => ((column: string | number) => Field) | undefined

/** For a file with this header; a text that says what is missing in it. */
export function fieldsOf(settings: LineSettings, header: string | undefined): Fields | string {
  return settings.format === 'csv' ? csvFields(settings, header) : jsonFields
}

export const hasHeader = (settings: LineSettings): settings is CsvSettings => settings.format === 'csv' && settings.header

function csvFields(settings: CsvSettings, header: string | undefined): Fields | string {
  const { separator } = settings
  const names = header === undefined ? [] : (splitCsv(header, separator) ?? []).map((it) => it.trim())
  const places = new Map(names.map((it, at) => [it, at]))
  // Without a header there are numbers only, in tags as text.
  const placeOf = (column: string | number) =>
    typeof column === 'number' || header === undefined ? Number(column) - 1 : (places.get(column) ?? -1)
  const wanted = header === undefined ? [] : wantedOf(settings).filter((it) => typeof it === 'string')
  const missing = wanted.find((it) => !places.has(it))
  if (missing !== undefined) return `has no column "${missing}"; its header has ${names.slice(0, 20).join(', ').slice(0, 200)}`
  return (line) => {
    const fields = splitCsv(line, separator)
    return fields && ((column) => fields[placeOf(column)])
  }
}

/** Every column that the settings name. */
function wantedOf({ time, tags }: LineSettings): (string | number)[] {
  const inTags = tags.flatMap((it) => [it.column, ...namesIn(it.tag)])
  return [...(time?.columns ?? []), ...inTags]
}

/** The fields that a tag is made with. */
function namesIn(tag: string): string[] {
  return [...tag.matchAll(/\{([^{}]+)\}/g)].map((it) => it[1] as string).filter((it) => it !== 'file')
}

function jsonFields(line: string): ReturnType<Fields> {
  const value = parsed(line)
  if (typeof value !== 'object' || value === null) return undefined
  return (column) => {
    const found = String(column).split('.').reduce(step, value)
    return typeof found === 'object' && found !== null ? undefined : (found as Field)
  }
}

function step(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line, exact as (key: string, value: unknown) => unknown)
  } catch {
    return undefined
  }
}

/** An integer that a double cannot hold is kept as it stands. */
function exact(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined) return value
  return /^-?\d{1,20}$/.test(source) ? BigInt(source) : value
}
