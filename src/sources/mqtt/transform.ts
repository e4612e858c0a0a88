// JSONata over payloads that no path describes. An expression and a payload together decide how long it takes, so it runs where it can be stopped:
// a context of its own, with a time limit that also ends a regular expression gone wild. What it says leaves as text and is bounded.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Context } from 'node:vm'
import { createContext, Script } from 'node:vm'

/** Of one message; other sources wait as long. By the clock on the wall: a busy machine is not a bad expression. */
const RUN_MS_MAX = 250
const RESULT_LENGTH_MAX = 4_000_000
/** So many in a row that took too long, and the expression rests. */
const TIMEOUTS_MAX = 4
const REST_MS = 10_000
const PAD_MAX = 100_000

const require = createRequire(import.meta.url)

/** What is wrong with an expression, for a person; undefined when nothing is. */
export function transformProblem(expression: string): string | undefined {
  try {
    const jsonata = require('jsonata') as (text: string) => unknown
    jsonata(expression)
    return undefined
  } catch (error) {
    const { message, position } = error as { message?: string; position?: number }
    return `is no JSONata: ${message}${position === undefined ? '' : `, at character ${position}`}`
  }
}

export type Transformed =
  | { readonly list: readonly unknown[] }
  | { readonly problem: 'transform-timeout' | 'unreadable'; readonly text: string }

/** `now` is monotonic ms. */
export type Transform = (payload: string, topic: string) => Transformed

const SET_UP = `
  const compiled = jsonata(expression)
  compiled.registerFunction('pad', (text, width, char = ' ') => {
    if (Math.abs(width) > ${PAD_MAX}) throw new Error('$pad is bounded to ${PAD_MAX}')
    const rest = char.repeat(Math.max(0, Math.abs(width) - text.length)).slice(0, Math.max(0, Math.abs(width) - text.length))
    return width < 0 ? rest + text : text + rest
  }, '<s-ns?:s>')
  function start() {
    let input = given
    try { input = JSON.parse(given) } catch {}
    said = failed = undefined
    compiled.evaluate(input, { topic, levels: topic.split('/') }).then(
      (it) => { said = it === undefined ? '' : JSON.stringify(it) },
      (error) => { failed = String(error.message ?? error) },
    )
  }
`

interface Scope extends Context {
  given: string
  topic: string
  said: string | undefined
  failed: string | undefined
}

export function newTransform(expression: string, monotonic = () => performance.now()): Transform {
  const library = new Script(readFileSync(require.resolve('jsonata'), 'utf8'), { filename: 'jsonata.js' })
  const setUp = new Script(SET_UP)
  const start = new Script('start()')
  let scope: Scope | undefined
  let timeouts = 0
  let restsUntil = 0

  function newScope(): Scope {
    // Its promises are settled within the time limit, before `runInContext` returns.
    const fresh = createContext({ expression }, { microtaskMode: 'afterEvaluate' }) as Scope
    library.runInContext(fresh)
    setUp.runInContext(fresh)
    return fresh
  }

  function run(payload: string, topic: string): Transformed {
    scope ??= newScope()
    scope.given = payload
    scope.topic = topic
    start.runInContext(scope, { timeout: RUN_MS_MAX })
    const { said, failed } = scope
    if (said === undefined) return { problem: 'unreadable', text: failed ?? 'the expression did not end' }
    if (said.length > RESULT_LENGTH_MAX) return { problem: 'unreadable', text: `the result has ${said.length} characters` }
    if (said === '') return { list: [] }
    const result: unknown = JSON.parse(said)
    return { list: Array.isArray(result) ? result : [result] }
  }

  return (payload, topic) => {
    if (monotonic() < restsUntil)
      return { problem: 'transform-timeout', text: `it took too long ${TIMEOUTS_MAX} times in a row, and rests` }
    try {
      const result = run(payload, topic)
      timeouts = 0
      return result
    } catch (error) {
      // What was begun may go on in the old one.
      scope = undefined
      if ((error as { code?: string }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT')
        return { problem: 'unreadable', text: (error as Error).message }
      if (++timeouts >= TIMEOUTS_MAX) {
        timeouts = 0
        restsUntil = monotonic() + REST_MS
      }
      return { problem: 'transform-timeout', text: `longer than ${RUN_MS_MAX} ms` }
    }
  }
}
