// A rule's expression in CEL, checked before it runs: unknown names and types that do not fit are found when the settings are read.
import { Environment } from '@marcbachmann/cel-js'
import type { Cycle } from './baseline.ts'
import { BASELINE_FIELDS, BASELINES, BaselineView } from './baseline.ts'
import { ModelView } from './model-view.ts'
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
  readonly model?: ModelView
}

/** What an expression may name. */
interface Sees {
  readonly hasWindow: boolean
  /** Outputs of the rule's model. */
  readonly model?: readonly string[] | undefined
}

export interface Expression {
  /** Throws where the result is none, or no truth. */
  holds(names: Names): boolean
  /** Of one that yields a number: throws where it does not. */
  figure(names: Names): number
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

function environmentOf({ hasWindow, model }: Sees): Environment {
  const known = hasWindow ? window : reading
  if (!model) return known
  return known
    .clone()
    .registerType('Model', { ctor: ModelView, fields: doubles(model) })
    .registerVariable('model', 'Model')
}

/** What is wrong with it, in one line; undefined: nothing. */
export function expressionProblem(text: string, sees: Sees, yields: 'truth' | 'number' = 'truth'): string | undefined {
  if (text.length > CHARS_MAX) return `longer than ${CHARS_MAX} characters`
  const wanted = yields === 'truth' ? 'bool' : 'double'
  try {
    const { valid, type, error } = environmentOf(sees).parse(text).check()
    if (!valid) return placed(error, sees)
    return type === wanted || type === 'dyn' ? undefined : `must be ${SAID[yields]}, but is of type ${type}`
  } catch (error) {
    return placed(error, sees)
  }
}

const SAID = { truth: 'true or false', number: 'a number with a point, as 1.0' } as const

/** Of one that has no problem. */
export function compile(text: string, sees: Sees): Expression {
  const parsed = environmentOf(sees).parse(text)
  const run = (names: Names): unknown => parsed(names as unknown as Record<string, unknown>)
  return {
    usesSorted: sees.hasWindow && [...SORTED_FIELDS].some((it) => text.includes(it)),
    baselines: BASELINES.filter((it) => text.includes(it)),
    holds(names) {
      const result = run(names)
      if (typeof result !== 'boolean') throw new Error(`must be true or false, but is ${String(result)}`)
      return result
    },
    figure(names) {
      const result = run(names)
      if (typeof result !== 'number') throw new Error(`must be a number, but is ${String(result)}`)
      return result
    },
  }
}

/** The library's first line says what, its mark where. */
function placed(error: unknown, { hasWindow, model }: Sees): string {
  if (!(error instanceof Error)) return String(error)
  const [what = error.message] = error.message.split('\n')
  const column = columnOf(error)
  const where = column === undefined ? '' : ` at character ${column}`
  const known = what.includes('Unknown variable')
    ? `; known: ${NAMES}${hasWindow ? ', window' : ''}${model ? ', model' : ''}`
    : ''
  const fields = what.includes('No such key') ? fieldsOf(error, column ?? 1, model) : ''
  const figures = /overload: .*(double|dyn<double>).* int|int .* double/.test(what)
    ? '; figures are doubles: write 1.0 for 1'
    : ''
  return `${lower(what)}${where}${known}${fields}${figures}`
}

const NAMES = `tag, class, unit, quality, value, time, ${BASELINES.join(', ')}`

/** Of what stands before the key. */
function fieldsOf(error: Error, column: number, model: readonly string[] = []): string {
  const object = /(\w+)\s*\.\s*$/.exec(lineOf(error)?.slice(0, column - 1) ?? '')?.[1]
  if (object === 'window') return `; window has: ${WINDOW_FIELDS.join(', ')}`
  if (object === 'model') return `; model has: ${model.join(', ')}`
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
