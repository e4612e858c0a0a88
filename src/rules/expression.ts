// A rule's expression in CEL, checked before it runs: unknown names and types that do not fit are found when the settings are read.
import { Environment } from '@marcbachmann/cel-js'
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

export interface Names extends ReadingNames {
  readonly window?: WindowView
}

export interface Expression {
  /** Throws where the result is none, or no truth. */
  holds(names: Names): boolean
  readonly usesSorted: boolean
}

const NODES_MAX = 500
const CHARS_MAX = 2_000

const reading = new Environment({ limits: { maxAstNodes: NODES_MAX, maxDepth: 50 } })
  .registerVariable('tag', 'string')
  .registerVariable('class', 'string')
  .registerVariable('unit', 'string')
  .registerVariable('quality', 'string')
  .registerVariable('value', 'dyn')
  .registerVariable('time', 'double')
  .registerFunction('abs(double): double', Math.abs)

const window = reading
  .clone()
  .registerType('Window', { ctor: WindowView, fields: Object.fromEntries(WINDOW_FIELDS.map((it) => [it, 'double'])) })
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
    usesSorted: [...SORTED_FIELDS].some((it) => text.includes(it)),
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
  const fields = what.includes('No such key') && hasWindow ? `; window has: ${WINDOW_FIELDS.join(', ')}` : ''
  const doubles = /overload: .*(double|dyn<double>).* int|int .* double/.test(what)
    ? '; figures are doubles: write 1.0 for 1'
    : ''
  return `${lower(what)}${where}${known}${fields}${doubles}`
}

const NAMES = 'tag, class, unit, quality, value, time'

function columnOf(error: Error): number | undefined {
  const mark = error.message.split('\n').findLast((it) => /^\s*\^/.test(it))
  const line = error.message.split('\n').find((it) => /^>\s+\d+ \| /.test(it))
  if (mark === undefined || line === undefined) return undefined
  return mark.indexOf('^') - line.indexOf('| ') - 1
}

const lower = (text: string) => text.charAt(0).toLowerCase() + text.slice(1)
