// The settings of one files source: its `sources:` entry without name and protocol. zod and core only.
import { z } from 'zod'
import { DURATION_ALLOWED, parseBytes, parseDurationMs } from '../../core/units.ts'
import { isZone } from '../../core/zone.ts'
import { formatProblem } from './times.ts'

const DAY_MS = 86_400_000
const TAG_LENGTH_MAX = 400
export const FILE_BYTES_MAX = 256_000_000

function duration(minMs: number, maxMs: number, range: string) {
  return z.string({ error: `must be ${DURATION_ALLOWED}` }).transform((text, context) => {
    const ms = parseDurationMs(text)
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms
    context.addIssue({ code: 'custom', message: `must be ${ms === undefined ? DURATION_ALLOWED : range}`, input: text })
    return z.NEVER
  })
}

const PATH_ALLOWED = 'must be the whole path of a folder, as /mnt/share/export'
const path = z.string({ error: PATH_ALLOWED }).regex(/^\/[^\0]{0,4000}$/, { error: PATH_ALLOWED })
const PATTERN_ALLOWED = 'must be the name of a file, in which * stands for any characters (*.csv)'
const pattern = z.string({ error: PATTERN_ALLOWED }).regex(/^[^/\0]{1,255}$/, { error: PATTERN_ALLOWED })
/** Of a column by its name in the header, or by its number from 1; in JSON a path as data.value. */
const column = z.union([z.string().min(1).max(256), z.int().min(1).max(10_000)], {
  error: 'must be the name of a column, or its number from 1',
})

const ZONE_ALLOWED = 'must be a time zone of the IANA list, as Europe/Berlin or UTC'
const time = z.union([
  column.transform((it) => ({ columns: [it], format: 'iso', zone: 'UTC' })),
  z
    .strictObject({
      /** Several are joined by a space: date and time of day. */
      column: z.union([column, z.array(column).min(1).max(4)]),
      format: z
        .string()
        .default('iso')
        .transform((text, context) => {
          const problem = formatProblem(text)
          if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input: text })
          return text
        }),
      /** Of times that say none. */
      zone: z.string({ error: ZONE_ALLOWED }).refine(isZone, { error: ZONE_ALLOWED }).default('UTC'),
    })
    .transform((it) => ({ columns: [it.column].flat(), format: it.format, zone: it.zone })),
])

const row = z
  .strictObject({
    /** `{Column}` is a field of the line, `{file}` the name of the file without its ending. */
    tag: z.string().min(1).max(TAG_LENGTH_MAX),
    column,
    type: z.enum(['number', 'int', 'bool', 'string']).default('number'),
    class: z.string().min(1),
    unit: z.string().min(1).max(40).optional(),
  })
  .refine((it) => !/[{}]/.test(it.tag.replaceAll(/\{[^{}]+\}/g, '')), { error: 'a { or } stands alone', path: ['tag'] })

const common = {
  path,
  pattern: pattern.default('*'),
  every: duration(100, DAY_MS, 'from 100ms to 1d').prefault('10s'),
  whenDone: z.enum(['leave', 'move', 'delete']).default('leave'),
  /** By default the folder `done` in `path`. */
  moveTo: path.optional(),
  /** A file that did not change for so long is whole. */
  settled: duration(0, 30 * DAY_MS, 'at most 30d').prefault('1m'),
}

const ofLines = { time: time.optional(), tags: z.array(row).min(1) }

const SEPARATOR_ALLOWED = 'must be one character as ";" or ",", or tab'
const separator = z
  .string({ error: SEPARATOR_ALLOWED })
  .regex(/^([^\s"\dA-Za-z.+-]|\t|tab)$/, { error: SEPARATOR_ALLOWED })
  .transform((it) => (it === 'tab' ? '\t' : it))
const csv = z
  .strictObject({
    format: z.literal('csv'),
    ...common,
    ...ofLines,
    separator: separator.default(','),
    decimal: z.enum(['.', ',']).default('.'),
    /** Whether the first line names the columns. */
    header: z.boolean().default(true),
    /** Lines before that one. */
    skip: z.int().min(0).max(1_000).default(0),
    encoding: z.enum(['utf-8', 'windows-1252']).default('utf-8'),
    /** Texts that say: no value. An empty field always does. */
    none: z.array(z.string().max(40)).max(20).default([]),
  })
  .superRefine((it, context) => {
    if (it.decimal === it.separator)
      context.addIssue({ code: 'custom', path: ['decimal'], message: 'must not be the separator', input: it.decimal })
    const named = [...(it.time?.columns ?? []), ...it.tags.map((row) => row.column)].find((one) => typeof one === 'string')
    if (!it.header && named !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['header'],
        message: `without a header columns have numbers only, and one is named "${named}"`,
        input: it.header,
      })
  })
const ndjson = z.strictObject({ format: z.literal('ndjson'), ...common, ...ofLines })
const binary = z.strictObject({
  format: z.literal('binary'),
  ...common,
  /** `{file}` is the name of the file without its ending. */
  tag: z.string().min(1).max(TAG_LENGTH_MAX),
  class: z.string().min(1),
  /** A larger file is left alone. */
  fileBytesMax: z
    .string()
    .transform((text, context) => {
      const bytes = parseBytes(text)
      if (bytes !== undefined && bytes >= 1 && bytes <= FILE_BYTES_MAX) return bytes
      context.addIssue({ code: 'custom', message: 'must be a size from 1B to 256MB', input: text })
      return z.NEVER
    })
    .prefault('64MB'),
})

const FORMAT_ALLOWED = 'must have format: csv, ndjson or binary'
export const filesSettings = z
  .discriminatedUnion('format', [csv, ndjson, binary], { error: FORMAT_ALLOWED })
  .superRefine((it, context) => {
    if (it.moveTo !== undefined && it.whenDone !== 'move')
      context.addIssue({ code: 'custom', path: ['moveTo'], message: 'is for whenDone: move', input: it.moveTo })
  })

export type FilesSettings = z.output<typeof filesSettings>
export type CsvSettings = z.output<typeof csv>
export type LineSettings = CsvSettings | z.output<typeof ndjson>
export type BinarySettings = z.output<typeof binary>
export type TimeSettings = NonNullable<LineSettings['time']>
export type FileTag = LineSettings['tags'][number]
