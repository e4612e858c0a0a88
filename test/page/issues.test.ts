// Issues in German: each that the agent can raise has its words, and what the agent's own sentence is about stands in them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { de } from '../../src/page/words/de.ts'
import { issuesDe } from '../../src/page/words/issues.de.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Where issues are raised. */
const FILES = [
  'src/pipeline/report.ts',
  'src/pipeline/rule-issues.ts',
  'src/pipeline/notify-issues.ts',
  'src/pipeline/open-issues.ts',
  'src/agent-settings.ts',
  'src/agent-before.ts',
  'src/agent-commands.ts',
  'src/agent-commands-open.ts',
  'src/settings/read.ts',
  'src/settings/ran-before.ts',
  'src/workers/boxes-host.ts',
]
const CODES = FILES.flatMap((file) => {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return [...text.matchAll(/code: (?:'([a-z-]+)'|`\$\{kind\}(-[a-z]+)`),\s+severity/g)].flatMap(([, code, ending]) =>
    code === undefined ? [`source${ending}`, `uplink${ending}`, `notifier${ending}`] : [code],
  )
})
const german = de as Readonly<Record<string, string>>

test('each issue of the agent has a title in German', () => {
  expect(CODES.length).toBeGreaterThanOrEqual(16)
  expect(CODES.filter((it) => german[`issue.${it}`] === undefined)).toEqual([])
})

test('there are words for no other', () => {
  const known = new Set(CODES)
  expect(Object.keys(issuesDe).filter((it) => !known.has(it.slice(it.indexOf('.') + 1)))).toEqual([])
})
