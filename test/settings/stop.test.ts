// A stop while other settings close the log and open it again leaves the mark of a clean stop, whenever it comes.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { openParts } from '../../src/agent-parts.ts'
import { machineClock } from '../../src/machine/clock-parts.ts'
import { openClock } from '../../src/machine/clock.ts'
import { settingsSchemas } from '../../src/schemas.ts'
import { parseSettings } from '../../src/settings/read.ts'
import { silent } from '../local-api/hand-made-agent.ts'
import { until } from '../route/until.ts'

const settingsWith = (classes: string) =>
  parseSettings(`version: 1\nlog: { bytesMax: 100MB }\nclasses: [${classes}]\nsources: []\nuplinks: []\n`, 's.yaml', {
    schemas: settingsSchemas,
    secrets: { get: () => undefined },
    deviceId: 'hf-1',
  })

const ONE = settingsWith('{ name: process }')
const TWO = settingsWith('{ name: alarm }, { name: process }')

interface Begun {
  readonly dir: string
  readonly parts: Awaited<ReturnType<typeof openParts>>
  readonly failed: Error[]
}

async function begun(): Promise<Begun> {
  const dir = mkdtempSync(join(tmpdir(), 'hf-stop-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  mkdirSync(join(dir, 'log'))
  const failed: Error[] = []
  const clock = openClock(machineClock(dir, () => {}))
  const around = {
    dir,
    version: '1',
    keyring: '',
    clock,
    logger: silent,
    logFailed: (it: Error) => failed.push(it),
    issues: () => [],
  }
  return { dir, parts: await openParts(ONE, around), failed }
}

function markIn(dir: string): unknown {
  const db = new Database(join(dir, 'log', 'journal.db'), { readonly: true })
  try {
    return db.prepare("SELECT value FROM meta WHERE key = 'clean-stop'").pluck().get()
  } finally {
    db.close()
  }
}

/** `marks`: what is seen of the mark, one after the other, before the stop comes. */
async function stopped(marks: readonly string[]): Promise<void> {
  const { dir, parts, failed } = await begun()
  expect(markIn(dir)).toBe('0')
  let isChanged = false
  const changed = parts.change(TWO).finally(() => (isChanged = true))
  for (const mark of marks) await until(`the mark is ${mark}`, () => isChanged || markIn(dir) === mark, 20_000, 1)
  expect(await parts.close()).toBe(true)
  expect(markIn(dir)).toBe('1')
  await changed
  // What was still to come opens nothing any more.
  await parts.change(ONE)
  expect(markIn(dir)).toBe('1')
  expect(failed).toEqual([])
}

test('before the log is closed, once it was closed, and once it is being opened', { timeout: 60_000 }, async () => {
  await Promise.all([stopped([]), stopped(['1']), stopped(['1', '0'])])
})
