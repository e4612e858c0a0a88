// failures.ts REPORT: a line for each test that failed, from the runner's JSON report.
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

/** What an expectation said stands in its first lines, before the stack; what a screen or a log showed last, at the end. */
const LINES_FIRST = 12
const LINES_LAST = 24

function brief(text: string): string {
  const lines = stripVTControlCharacters(text)
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
  const left = lines.length - LINES_FIRST - LINES_LAST
  const shown = left > 0 ? [...lines.slice(0, LINES_FIRST), `(${left} lines)`, ...lines.slice(-LINES_LAST)] : lines
  return shown.join('\n    ')
}

const path = process.argv[2] ?? ''
if (!existsSync(path)) {
  console.log(`FAILED: the tests left no report at ${path}`)
} else {
  const report = JSON.parse(readFileSync(path, 'utf8')) as Report
  for (const { name, status, message, assertionResults } of report.testResults) {
    const file = relative(process.cwd(), name)
    const failed = assertionResults.filter((it) => it.status === 'failed')
    for (const it of failed) console.log(`FAILED: ${file}: ${it.fullName}\n    ${brief(it.failureMessages?.join('\n') ?? '')}`)
    if (failed.length === 0 && status === 'failed') console.log(`FAILED: ${file}\n    ${brief(message)}`)
  }
}
