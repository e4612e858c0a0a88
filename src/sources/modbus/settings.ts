// What the Modbus sources say of themselves in the settings, without `name` and `protocol`.
//
//   host: 10.20.1.40          port: 502      unit: 1         connections: 1      modbus-tcp, modbus-rtu-over-tcp
//   path: /dev/ttyUSB0        baud: 19200    parity: even    dataBits: 8    stopBits: 1    unit: 1        modbus-rtu
//   every: 1s                 timeout: 1s    maxGap: 8       blockMax: 125
//   units: 1-20, 31           instead of unit: the same tags of each, with {unit} in their names
//   tags:
//     - { tag: hall-1/press-3/temperature, register: "holding:100", type: float32, order: CDAB, unit: "°C", class: process }
//     - { tag: "hall-1/press-3/zone-{n}", register: "input:0", type: int16, scale: 0.1, count: 100, class: process }
//     - { tag: hall-1/press-3/running, register: "coil:7", class: process }
//
// Durations come out in milliseconds, registers and types parsed.
import * as z from 'zod'
import { DURATION_ALLOWED, formatDuration, parseDurationMs } from '../../core/units.ts'
import type { DataType, RegisterKind, TagLine } from './registers.ts'
import { isBitKind, ORDERS, parseType, REGISTER_KINDS, tagOf, TYPES_ALLOWED, widthOf } from './registers.ts'

const EVERY_MS_MIN = 50
const EVERY_MS_MAX = 86_400_000
const TIMEOUT_MS_MIN = 50
const TIMEOUT_MS_MAX = 60_000
const ADDRESS_COUNT = 65_536
/** The protocol's own limit for one read; for bits it is 2,000, which is 16 times as much. */
const BLOCK_REGISTERS_MAX = 125
const REGISTERS_ALLOWED = 'coil:, discrete:, input: or holding: and an address from 0 to 65535 (holding:100)'

function duration(msMin: number, msMax: number) {
  return z.string().transform((text, context) => {
    const ms = parseDurationMs(text)
    if (ms !== undefined && ms >= msMin && ms <= msMax) return ms
    const message =
      ms === undefined ? `allowed is ${DURATION_ALLOWED}` : `allowed is ${formatDuration(msMin)} to ${formatDuration(msMax)}`
    context.addIssue({ code: 'custom', message, input: text })
    return z.NEVER
  })
}

const register = z.string().transform((text, context): { kind: RegisterKind; address: number } => {
  const [, kind, digits] = /^([a-z]+):(\d{1,5})$/.exec(text) ?? []
  const known = REGISTER_KINDS.find((it) => it === kind)
  const address = Number(digits)
  if (known && address < ADDRESS_COUNT) return { kind: known, address }
  context.addIssue({ code: 'custom', message: `allowed is ${REGISTERS_ALLOWED}`, input: text })
  return z.NEVER
})

const type = z.string().transform((text, context): DataType => {
  const parsed = parseType(text)
  if (parsed) return parsed
  context.addIssue({ code: 'custom', message: `allowed is ${TYPES_ALLOWED}`, input: text })
  return z.NEVER
})

const tagLine = z
  .strictObject({
    tag: z.string().min(1).max(255),
    register,
    /** May be left out for coils and discrete inputs: they hold `bool` only. */
    type: type.optional(),
    order: z.enum(ORDERS).default('ABCD'),
    scale: z.number().optional(),
    offset: z.number().optional(),
    unit: z.string().min(1).max(32).optional(),
    class: z.string().min(1),
    count: z.int().min(1).max(ADDRESS_COUNT).default(1),
  })
  .transform((line, context): TagLine => {
    const problem = (key: string, message: string) => context.addIssue({ code: 'custom', message, path: [key], input: line })
    const parsed = line.type ?? (isBitKind(line.register.kind) ? { name: 'bool' as const } : undefined)
    if (!parsed) {
      problem('type', `is needed for ${line.register.kind} registers; allowed is ${TYPES_ALLOWED}`)
      return z.NEVER
    }
    const whole: TagLine = { ...line, type: parsed }
    for (const [key, message] of problemsOf(whole)) problem(key, message)
    return whole
  })

/** What is wrong with a line by itself: the key and what is allowed. */
function problemsOf(line: TagLine): [key: string, message: string][] {
  const { register: at, type: of, order } = line
  const width = widthOf(of)
  const problems: [string, string][] = []
  if (isBitKind(at.kind) && of.name !== 'bool') problems.push(['type', `a ${at.kind} holds one bit: only bool is allowed`])
  if (!isBitKind(at.kind) && of.name === 'bool')
    problems.push(['type', `${at.kind} registers have 16 bits: name one, bit:0 (lowest) to bit:15`])
  if (of.name === 'bool' && order !== 'ABCD') problems.push(['order', 'a single bit has no order'])
  const onlyBytesTurn = width === 1 || of.name === 'string'
  if (onlyBytesTurn && of.name !== 'bool' && (order === 'CDAB' || order === 'DCBA'))
    problems.push(['order', `${of.name} has no words to turn round: allowed is ABCD, or BADC for turned bytes`])
  const isNumber = of.name !== 'bool' && of.name !== 'bit' && of.name !== 'string'
  if (line.scale === 0) problems.push(['scale', 'a scale of 0 would make every value the same'])
  if (!isNumber && line.scale !== undefined) problems.push(['scale', `${of.name} is not a number`])
  if (!isNumber && line.offset !== undefined) problems.push(['offset', `${of.name} is not a number`])
  const end = at.address + width * line.count
  if (end > ADDRESS_COUNT)
    problems.push([
      'register',
      `reaches address ${end - 1}; the last one is ${ADDRESS_COUNT - 1} (${line.count} × ${width} from ${at.address})`,
    ])
  const hasPlace = line.tag.includes('{n}')
  if (line.count > 1 && !hasPlace) problems.push(['tag', 'with count, the tag needs {n} where the number goes'])
  if (line.count === 1 && hasPlace) problems.push(['count', 'is needed: the tag has {n} in it'])
  return problems
}

const common = {
  /** From the start of one poll to the start of the next. */
  every: duration(EVERY_MS_MIN, EVERY_MS_MAX),
  /** How long an answer may take; on a serial line the time on the wire comes on top. */
  timeout: duration(TIMEOUT_MS_MIN, TIMEOUT_MS_MAX).default(1_000),
  /** Registers nobody asked for that one read may take along; for coils and discrete inputs 16 times as many bits. */
  maxGap: z.int().min(0).max(BLOCK_REGISTERS_MAX).default(8),
  /** The longest read, in registers; for coils and discrete inputs 16 times as many bits. Less for devices that cannot give so much. */
  blockMax: z.int().min(1).max(BLOCK_REGISTERS_MAX).default(BLOCK_REGISTERS_MAX),
  tags: z.array(tagLine).min(1),
}

const connections = z.int().min(1).max(16).default(1)

/** `1-20, 31`: numbers from `least` to `most`, each once. */
function unitList(least: number, most: number) {
  const allowed = `allowed are numbers and ranges from ${least} to ${most}, each unit once (1-20, 31)`
  return z.string().transform((text, context): readonly number[] => {
    const found = text.split(',').flatMap((part) => {
      const [, from, to] = /^\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?$/.exec(part) ?? []
      const [first, last] = [Number(from), Number(to ?? from)]
      if (from === undefined || first < least || last > most || first > last) return [Number.NaN]
      return Array.from({ length: last - first + 1 }, (_, n) => first + n)
    })
    if (found.every((it) => !Number.isNaN(it)) && new Set(found).size === found.length) return found
    context.addIssue({ code: 'custom', message: allowed, input: text })
    return z.NEVER
  })
}

interface Common {
  readonly tags: readonly TagLine[]
  readonly blockMax: number
  readonly unit: number
  readonly units?: readonly number[] | undefined
}

function checkTags(settings: Common, context: z.RefinementCtx): void {
  const { tags, blockMax, unit, units } = settings
  const seen = new Set<string>()
  const problem = (path: (string | number)[], message: string, input: unknown) =>
    context.addIssue({ code: 'custom', message, path, input })
  if (units && unit !== 1) problem(['unit'], 'unit and units: give one of them', unit)
  for (const [index, line] of tags.entries()) {
    if (!isBitKind(line.register.kind) && widthOf(line.type) > blockMax)
      problem(['tags', index, 'type'], `takes ${widthOf(line.type)} registers, more than blockMax (${blockMax})`, line)
    if (units && units.length > 1 && !line.tag.includes('{unit}')) {
      problem(['tags', index, 'tag'], 'with units, the tag needs {unit} where the number goes', line)
      continue
    }
    const twice = namesOf(line, units ?? [unit]).find((tag) => seen.size === seen.add(tag).size)
    if (twice !== undefined) problem(['tags', index, 'tag'], `${twice} is there twice`, line)
  }
}

function namesOf(line: TagLine, units: readonly number[]): string[] {
  return units.flatMap((unit) => Array.from({ length: line.count }, (_, n) => tagOf(line.tag, unit, n)))
}

const host = {
  host: z.string().regex(/^[\w.:%-]{1,253}$/, 'allowed is a host name or an address, without port'),
  /** All sources of one host and port together have so many at most: many devices allow one. */
  connections,
}

export const modbusTcpSettings = z
  .strictObject({
    ...host,
    port: z.int().min(1).max(65_535).default(502),
    unit: z.int().min(0).max(255).default(1),
    units: unitList(0, 255).optional(),
    ...common,
  })
  .superRefine(checkTags)
export type ModbusTcpSettings = z.output<typeof modbusTcpSettings>

const serialUnit = {
  unit: z.int().min(1).max(247).default(1),
  units: unitList(1, 247).optional(),
}

export const modbusRtuSettings = z
  .strictObject({
    path: z.string().regex(/^\/\S+$/, 'allowed is the path of a serial device (/dev/serial/by-id/…, /dev/ttyUSB0)'),
    /** Defaults as the standard for serial lines has them. */
    baud: z.int().min(300).max(4_000_000).default(19_200),
    parity: z.enum(['none', 'even', 'odd']).default('even'),
    dataBits: z.literal(8, 'Modbus RTU has 8 data bits').default(8),
    stopBits: z.union([z.literal(1), z.literal(2)]).default(1),
    ...serialUnit,
    ...common,
  })
  .superRefine(checkTags)
export type ModbusRtuSettings = z.output<typeof modbusRtuSettings>

/** A serial line behind a terminal server, which passes bytes on as they are. No port is usual: the server's manual names it. */
export const modbusRtuOverTcpSettings = z
  .strictObject({ ...host, port: z.int().min(1).max(65_535), ...serialUnit, ...common })
  .superRefine(checkTags)
export type ModbusRtuOverTcpSettings = z.output<typeof modbusRtuOverTcpSettings>
