// A rule's expression in CEL, checked before it runs: unknown names and types that do not fit are found when the settings are read.
import { Environment } from '@marcbachmann/cel-js'
import type { Cycle } from './baseline.ts'
import { BASELINE_FIELDS, BASELINES, BaselineView } from './baseline.ts'
import { SORTED_FIELDS, WINDOW_FIELDS, WindowView } from './view.ts'

/** A reading as an expression sees it. */
export interface ReadingNames {
  readonly tag: string
  readonly class: string
  readonly unit: string
  /** Of a window: of its last reading. */
  readonly quality: string
  readonly value: unknown
  /** µs since 1970 UTC. */
  readonly time: number
}

export interface Names extends ReadingNames, Readonly<Partial<Record<Cycle, BaselineView>>> {
  readonly window?: WindowView
}

export interface Expression {
  /** Throws where the result is none, or no truth. */
  holds(names: Names): boolean
  readonly usesSorted: boolean
  /** Those that it names. */
  readonly baselines: readonly Cycle[]
}

const NODES_MAX = 500
const CHARS_MAX = 2_000

const doubles = (fields: readonly string[]) => Object.fromEntries(fields.map((it) => [it, 'double']))

const reading = new Environment({ limits: { maxAstNodes: NODES_MAX, maxDepth: 50 } })
  .registerVariable('tag', 'string')
  .registerVariable('class', 'string')
  .registerVariable('unit', 'string')
  .registerVariable('quality', 'string')
  .registerVariable('value', 'dyn')
  .registerVariable('time', 'double')
  .registerFunction('abs(double): double', Math.abs)
  .registerType('Baseline', { ctor: BaselineView, fields: doubles(BASELINE_FIELDS) })
for (const it of BASELINES) reading.registerVariable(it, 'Baseline')

const window = reading
  .clone()
  .registerType('Window', { ctor: WindowView, fields: doubles(WINDOW_FIELDS) })
  .registerVariable('window', 'Window')

/** What is wrong with it, in one line; undefined: nothing. */
export function expressionProblem(text: string, hasWindow: boolean): string | undefined {
  if (text.length > CHARS_MAX) return `longer than ${CHARS_MAX} characters`
  try {
    const { valid, type, error } = (hasWindow ? window : reading).parse(text).check()
    if (!valid) return placed(error, hasWindow)
    return type === 'bool' || type === 'dyn' ? undefined : `must be true or false, but is of type ${type}`
  } catch (error) {
    return placed(error, hasWindow)
  }
}

/** Of one that has no problem. */
export function compile(text: string, hasWindow: boolean): Expression {
  const run = (hasWindow ? window : reading).parse(text)
  return {
    usesSorted: hasWindow && [...SORTED_FIELDS].some((it) => text.includes(it)),
    baselines: BASELINES.filter((it) => text.includes(it)),
    holds(names) {
      const result: unknown = run(names as unknown as Record<string, unknown>)
      if (typeof result !== 'boolean') throw new Error(`must be true or false, but is ${String(result)}`)
      return result
    },
  }
}

/** The library's first line says what, its mark where. */
function placed(error: unknown, hasWindow: boolean): string {
  if (!(error instanceof Error)) return String(error)
  const [what = error.message] = error.message.split('\n')
  const column = columnOf(error)
  const where = column === undefined ? '' : ` at character ${column}`
  const known = what.includes('Unknown variable') ? `; known: ${NAMES}${hasWindow ? ', window' : ''}` : ''
  const fields = what.includes('No such key') ? fieldsOf(error, column ?? 1) : ''
  const figures = /overload: .*(double|dyn<double>).* int|int .* double/.test(what)
    ? '; figures are doubles: write 1.0 for 1'
    : ''
  return `${lower(what)}${where}${known}${fields}${figures}`
}

const NAMES = `tag, class, unit, quality, value, time, ${BASELINES.join(', ')}`

/** Of what stands before the key. */
function fieldsOf(error: Error, column: number): string {
  const object = /(\w+)\s*\.\s*$/.exec(lineOf(error)?.slice(0, column - 1) ?? '')?.[1]
  if (object === 'window') return `; window has: ${WINDOW_FIELDS.join(', ')}`
  return BASELINES.some((it) => it === object) ? `; ${object} has: ${BASELINE_FIELDS.join(', ')}` : ''
}

function columnOf(error: Error): number | undefined {
  const mark = error.message.split('\n').findLast((it) => /^\s*\^/.test(it))
  const line = markedLine(error)
  if (mark === undefined || line === undefined) return undefined
  return mark.indexOf('^') - line.indexOf('| ') - 1
}

const markedLine = (error: Error) => error.message.split('\n').find((it) => /^>\s+\d+ \| /.test(it))
const lineOf = (error: Error) => markedLine(error)?.replace(/^>\s+\d+ \| /, '')

const lower = (text: string) => text.charAt(0).toLowerCase() + text.slice(1)
