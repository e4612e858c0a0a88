// The real agent, killed with -9 at any moment while files grow and rotate.
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connectAgent } from '../../../src/local-api/client.ts'
import type { Site } from '../../route/agent.ts'
import { siteIn, startAgent } from '../../route/agent.ts'
import { csvLines } from './harness.ts'

const KILLS = 4
const LINES_A_WRITE = 100
const WRITE_EVERY_MS = 20

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hf-files-kill-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const settings = (folder: string) => `version: 1
classes: [{ name: process, commitEvery: 50ms }]
sources:
  - name: legacy
    protocol: files
    path: ${folder}
    pattern: "*.csv"
    every: 100ms
    format: csv
    time: time
    tags: [{ tag: legacy/value, column: value, type: int, class: process }]
`

/** Writes until it is told to end; says how many lines there are. */
function legacySystem(folder: string) {
  let [written, rotations, isOver] = [0, 0, false]
  const log = join(folder, 'log.csv')
  appendFileSync(log, 'time,value\n')
  const running = (async () => {
    while (!isOver) {
      appendFileSync(log, csvLines(written, LINES_A_WRITE))
      written += LINES_A_WRITE
      if (written % (LINES_A_WRITE * 40) === 0) {
        renameSync(log, join(folder, `log.${++rotations}.csv`))
        appendFileSync(log, 'time,value\n')
      }
      await sleep(WRITE_EVERY_MS)
    }
  })()
  return {
    async end() {
      isOver = true
      await running
      return written
    },
  }
}

async function stored(site: Site): Promise<{ value: number; status: number }[]> {
  const rows: { value: number; status: number }[] = []
  const query = { tag: 'legacy/value', from: 0, to: 4e15, limit: 10_000_000 }
  for await (const it of connectAgent(site.data).query(query, new AbortController().signal))
    rows.push({ value: Number(it.value), status: it.status })
  return rows
}

test('nothing is missing, and what is there twice says that it may be', async () => {
  const folder = join(dir, 'in')
  mkdirSync(folder)
  const site = siteIn(dir, settings(folder))
  const legacy = legacySystem(folder)
  let agent = await startAgent(site)
  for (let n = 0; n < KILLS; n++) {
    await sleep(300 + Math.random() * 700)
    await agent.kill()
    agent = await startAgent(site)
  }
  const written = await legacy.end()
  let rows: Awaited<ReturnType<typeof stored>> = []
  for (const end = Date.now() + 60_000; new Set(rows.map((it) => it.value)).size < written && Date.now() < end; await sleep(500))
    rows = await stored(site)
  await agent.end()
  const all = Map.groupBy(rows, (it) => it.value)
  expect(all.size).toBe(written)
  const twice = [...all.values()].filter((it) => it.length > 1)
  // The first comes from before a kill, all others from after one.
  for (const it of twice) expect(it.filter((one) => one.status === 0).length).toBeLessThanOrEqual(1)
  expect(rows.filter((it) => it.status === 1).length).toBeGreaterThanOrEqual(twice.length)
  console.log(
    `${written} lines, ${KILLS} kills: ${twice.length} there twice, ${rows.filter((it) => it.status === 1).length} marked`,
  )
}, 180_000)
